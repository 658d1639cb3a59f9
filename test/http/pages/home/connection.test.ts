/** The page of a connection: what it shows to whom, and that each act is the broker's, once, by the person's own form. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { listCredentials, updateCredential } from '../../../../src/broker/credentials/manage.ts';
import { shareConnection } from '../../../../src/broker/credentials/share.ts';
import { beginVisit } from '../../../../src/broker/sign-in/visits.ts';
import type { Owner, Principal } from '../../../../src/principal.ts';
import { credentialOf } from '../../../support/broker.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { createBrowser, type Shown } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../../support/world.ts';

let world: World;
let server: SignInServer;
let ann: Principal;
const bob = person('acme', 'bob');

beforeAll(async () => {
  world = await startWorld();
  server = await startSignInServer({ ...world.env, KEYWARD_RELEASE: 'approve', KEYWARD_SHARE_TENANTS: 'offer' });
});
afterAll(async () => {
  await server.close();
  await world.close();
});
// A no of one test keeps nobody quiet in the next.
beforeEach(() => {
  ann = person('acme', `ann-${randomBytes(4).toString('hex')}`);
});

const hostile = '<img src=x onerror=alert(1)> \u202eevil';

async function connect(name = 'Work Acme', who: Principal = ann): Promise<string> {
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, name };
  const made = await createCredential(server.broker, who, input, { obtainedBy: 'rest' });
  if (made.kind !== 'created') throw new Error('Something was left to ask.');
  return made.credentialId;
}

async function signedIn(who: Owner) {
  const browser = createBrowser();
  browser.cookies.set('keyward', await beginVisit(server.broker, who));
  return browser;
}

const at = (id: string, path = '') => `${server.origin}/connections/${id}${path}`;
const stored = (id: string) => credentialOf(server.broker, ann, id);

/** The hidden fields of the form that has this in it. */
function fieldsOf({ text }: Shown, part: string): Record<string, string> {
  const form = text.split('<form ').find((one) => one.includes(part)) ?? '';
  const inputs = (form.split('</form>')[0] ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
  return Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, value]));
}

describe('the page of a connection', () => {
  it('shows account, way, hosts, base URL and how programs use it, and no secret', async () => {
    const id = await connect();
    const page = await (await signedIn(ann)).open(at(id));
    expect(page.status).toBe(200);
    for (const shown of [
      'Work Acme',
      'Active',
      `<code>127.0.0.1:${world.server.port}</code>`,
      `<code>${world.server.issuer}/v1</code>`,
      'an API key',
      'A program, over REST',
      `curl -H &quot;Authorization: Bearer $KEYWARD_TOKEN&quot; &#39;${server.origin}/proxy/${id}/me&#39;`,
      'Every call is allowed.',
      'made it',
    ]) {
      expect(page.text).toContain(shown);
    }
    expect(page.text).not.toContain(goodApiKey);
  });

  it('says what its service answers when it is checked, and changes nothing by being looked at', async () => {
    const id = await connect();
    const browser = await signedIn(ann);
    const page = await browser.open(at(id));
    const before = await stored(id);
    await browser.open(at(id));
    expect(await stored(id)).toEqual(before);
    const checked = await browser.send(at(id, '/verify'), fieldsOf(page, '/verify"'));
    expect(checked.status).toBe(200);
    expect(checked.text).toContain('Checked just now: Acme takes it.');
  });

  it('renames; a name that can’t be is told beside what was typed', async () => {
    const id = await connect();
    const browser = await signedIn(ann);
    const fields = fieldsOf(await browser.open(at(id)), '/rename"');
    const wrong = await browser.send(at(id, '/rename'), { ...fields, name: 'x'.repeat(101) });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('name must be one line of 1 to 100 characters.');
    expect(wrong.text).toContain(`value="${'x'.repeat(101)}"`);
    const done = await browser.send(at(id, '/rename'), { ...fields, name: 'Home Acme' });
    expect(done.text).toContain('Home Acme');
    expect((await stored(id)).name).toBe('Home Acme');
  });

  it('sets rules once they were seen in words; fewer calls need no yes', async () => {
    const id = await connect();
    const browser = await signedIn(ann);
    const form = await browser.open(at(id, '/rules'));
    const typed = { ...fieldsOf(form, '/rules"'), preset: 'readOnly', paths: '/v1/**' };
    const look = await browser.send(at(id, '/rules'), typed);
    expect(look.text).toContain('<dd>Every call is allowed.</dd>');
    expect(look.text).toContain('<dd>Allowed: GET, HEAD on /v1/**.</dd>');
    expect((await stored(id)).policy ?? null).toBeNull();
    const done = await browser.send(at(id, '/rules'), fieldsOf(look, 'value="set"'));
    expect(done.url.pathname).toBe(`/connections/${id}`);
    expect((await stored(id)).policy).toEqual({ methods: ['GET', 'HEAD'], paths: ['/v1/**'] });
    const wrong = await browser.send(at(id, '/rules'), { ...typed, preset: 'own', methods: 'G3T' });
    expect([wrong.status, wrong.text.includes('policy.methods must be HTTP methods')]).toEqual([422, true]);
  });

  it('389. allows more only after the yes, does then what was shown, and asks anew when that has changed', async () => {
    const id = await connect();
    await updateCredential(server.broker, ann, { credentialId: id, policy: { methods: ['GET'] } });
    const browser = await signedIn(ann);
    const ask = async (methods: string) => {
      const form = await browser.open(at(id, '/rules'));
      const typed = { ...fieldsOf(form, '/rules"'), preset: 'own', methods };
      return browser.send(at(id, '/rules'), { ...typed, step: 'set' });
    };
    const asked = await ask('GET, POST');
    expect(asked.heading).toMatch(/^Allow more calls to Acme/);
    expect((await stored(id)).policy?.methods).toEqual(['GET']);
    const done = await browser.send(asked.url, fieldsOf(asked, 'value="once"'));
    expect(done.url.pathname).toBe(`/connections/${id}`);
    expect((await stored(id)).policy?.methods).toEqual(['GET', 'POST']);
    // It was for once.
    await updateCredential(server.broker, ann, { credentialId: id, policy: { methods: ['GET'] } });
    const second = await ask('GET, POST');
    expect(second.heading).toMatch(/^Allow more calls to Acme/);
    await updateCredential(server.broker, ann, { credentialId: id, name: 'Called otherwise' });
    const late = await browser.send(second.url, fieldsOf(second, 'value="once"'));
    expect(late.heading).toBe('That came too late');
    const no = await ask('GET, DELETE');
    expect((await browser.send(no.url, fieldsOf(no, 'value="deny"'))).heading).toBe('You did not allow it');
    expect((await ask('GET, DELETE')).text).toContain('You said no to this a moment ago, so nothing was done.');
    expect((await stored(id)).policy?.methods).toEqual(['GET']);
  });

  it('389. shares after the yes, with what the form said, shows the share, and takes it back at once', async () => {
    const id = await connect();
    const browser = await signedIn(ann);
    const fields = fieldsOf(await browser.open(at(id)), '/share"');
    const asked = await browser.send(at(id, '/share'), {
      ...fields,
      who: 'bob',
      whom: 'user',
      permission: 'use',
      preset: 'readOnly',
    });
    expect(asked.heading).toMatch(/^Share Acme/);
    expect((await stored(id)).shares ?? []).toEqual([]);
    const done = await browser.send(asked.url, fieldsOf(asked, 'value="once"'));
    expect(done.text).toContain('Take it back from bob');
    expect((await stored(id)).shares).toEqual([
      { with: 'user:bob', permission: 'use', policy: { methods: ['GET', 'HEAD'], paths: null } },
    ]);
    const back = await browser.send(at(id, '/share'), fieldsOf(done, 'value="user:bob"'));
    expect(back.text).toContain('Nobody. It is yours alone.');
    const wrong = await browser.send(at(id, '/share'), { ...fields, who: ann.user, whom: 'user', permission: 'view' });
    expect([wrong.status, wrong.text.includes('names the owner')]).toEqual([422, true]);
  });

  it('leads to the page where the secret is entered anew, which comes back here', async () => {
    const id = await connect();
    const browser = await signedIn(ann);
    const attempt = await browser.send(at(id, '/reconnect'), fieldsOf(await browser.open(at(id)), '/reconnect"'));
    expect(attempt.url.pathname).toMatch(/^\/connect\/[0-9a-f-]{36}$/);
    expect(attempt.text).toContain('Connects again');
    const done = await browser.submit(attempt, 'inputs', { apiKey: goodApiKey });
    expect(done.heading).toBe('Acme is connected');
    expect(done.text).toContain(`href="/connections/${id}"`);
    const page = await browser.open(at(id));
    const reverted = await browser.send(at(id, '/revert'), fieldsOf(page, '/revert"'));
    expect(reverted.text).not.toContain('Bring back what it had before');
  });

  it('deletes a connection that asks first without a second question: its page has asked', async () => {
    const id = await connect();
    await updateCredential(server.broker, ann, { credentialId: id, policy: { preset: 'askBeforeWriting' } });
    const browser = await signedIn(ann);
    const ask = await browser.open(at(id, '/delete'));
    const done = await browser.send(at(id, '/delete'), fieldsOf(ask, '/delete"'));
    expect(done.heading).toBe('Deleted');
    expect(await server.broker.vault.get('credential', ann, id)).toBeUndefined();
  });

  it('391. deletes with a receipt; a form that is sent again, or looked at ahead of time, does nothing', async () => {
    const id = await connect();
    const other = await connect('Another one');
    const browser = await signedIn(ann);
    const ask = await browser.open(at(id, '/delete'));
    expect(ask.heading).toBe('Delete this connection?');
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    for (const path of ['', '/rules', '/delete']) {
      const ahead = await raw(server.origin, `/connections/${id}${path}`, {
        headers: { cookie, 'sec-purpose': 'prefetch' },
      });
      expect(ahead.status).toBe(200);
    }
    expect((await stored(id)).version).toBe(1);
    const fields = fieldsOf(ask, '/delete"');
    const receipt = await browser.send(at(id, '/delete'), fields);
    expect(receipt.text).toContain('Deleted from Keyward. What was entered still works at the service.');
    const again = await browser.send(at(id, '/delete'), fields);
    expect([again.status, (await browser.open(at(id))).status]).toEqual([404, 404]);
    const { credentials } = await listCredentials(server.broker, ann, {});
    expect(credentials.map(({ credentialId }) => credentialId)).toEqual([other]);
  });

  it('385. is for a stranger as one that there is not, and so is each of its acts', async () => {
    const id = await connect();
    const mallory = person('acme', 'mallory');
    const own = await connect('Mallory’s', mallory);
    const browser = await signedIn(mallory);
    const { csrf = '' } = fieldsOf(await browser.open(at(own)), '/rename"');
    const missing = crypto.randomUUID();
    const text = ({ text }: Shown) => text.replaceAll(/[0-9a-f-]{36}/g, 'ID');
    for (const path of ['', '/rules', '/delete']) {
      const [there, not] = [await browser.open(at(id, path)), await browser.open(at(missing, path))];
      expect([there.status, text(there)]).toEqual([404, text(not)]);
    }
    for (const path of ['/verify', '/reconnect', '/revert', '/tools', '/rename', '/rules', '/share', '/delete']) {
      const form = { csrf, name: 'mine', step: 'set', preset: 'all', who: 'mallory', permission: 'use' };
      const [there, not] = [await browser.send(at(id, path), form), await browser.send(at(missing, path), form)];
      expect([there.status, text(there)], path).toEqual([404, text(not)]);
    }
    expect((await stored(id)).version).toBe(1);
  });

  it('392. shows to whom it is shared what they may do, and neither shares, log nor acts; each act is refused', async () => {
    const id = await connect();
    for (const [grantee, policy] of [
      ['user:bob', { methods: ['GET'], paths: ['/v1/**'] }],
      ['user:carol', { methods: ['GET'] }],
    ] as const) {
      const share = { connectionId: id, with: grantee, permission: 'use', policy } as const;
      const allowed = { ...server.broker, settings: { ...server.broker.settings, release: 'allow' } } as const;
      await shareConnection(allowed, ann, share);
    }
    const browser = await signedIn(bob);
    const page = await browser.open(at(id));
    expect(page.text).toContain('Allowed: GET on /v1/**.');
    expect(page.text).not.toMatch(/carol|Used lately|Shared with|Rename|Connect it again|<form method="post"/);
    const { csrf = '' } = fieldsOf(await browser.open(at(await connect('Bob’s', bob))), '/rename"');
    for (const path of ['/reconnect', '/revert', '/tools', '/rename', '/rules', '/share', '/delete']) {
      const form = { csrf, name: 'mine', step: 'set', preset: 'all', who: 'bob', permission: 'use' };
      const refused = await browser.send(at(id, path), form);
      expect([refused.status, refused.heading], path).toEqual([403, 'Keyward did not accept that']);
    }
    for (const path of ['/rules', '/delete']) expect((await browser.open(at(id, path))).status).toBe(403);
  });

  it('390. shows what others named as text and nothing else, in the list, on the page and in its forms', async () => {
    const id = await connect('plain');
    const row = await stored(id);
    const named = {
      ...row,
      name: hostile,
      account: hostile,
      statusReason: hostile,
      status: 'reconnect_required' as const,
    };
    await server.broker.vault.commit([{ op: 'update', kind: 'credential', record: named }]);
    const browser = await signedIn(ann);
    for (const path of ['/', `/connections/${id}`, `/connections/${id}/rules`, `/connections/${id}/delete`]) {
      const { text } = await browser.open(`${server.origin}${path}`);
      expect(text, path).toContain('&lt;img src=x');
      expect(text, path).not.toContain('<img');
      expect(text.replace(/value="[^"]*"|<title>[^<]*/g, ''), path).not.toContain('\u202e');
    }
  });

  it('388. an assistant that takes the page’s own name gets nothing done by the yes to its request', async () => {
    const id = await connect();
    await updateCredential(server.broker, ann, { credentialId: id, policy: { methods: ['GET'] } });
    const assistant: Principal = { ...ann, client: 'your page of Keyward' };
    const widen = () => updateCredential(server.broker, assistant, { credentialId: id, policy: null });
    const error: unknown = await widen().catch((thrown: unknown) => thrown);
    const { approvalId } = (error as { details: { approvalId: string } }).details;
    const browser = await signedIn(ann);
    const asked = await browser.open(`${server.origin}/approvals/${approvalId}`);
    const yes = await browser.send(asked.url, fieldsOf(asked, 'value="once"'));
    expect(yes.heading).toBe('You allowed it once');
    expect((await stored(id)).policy).toEqual({ methods: ['GET'], paths: null });
  });
});
