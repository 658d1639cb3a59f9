/** Offers on the page of whoever signed in: real requests of a browser, with and without what its forms need. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { listCredentials } from '../../../../src/broker/credentials/manage.ts';
import { shareConnection } from '../../../../src/broker/credentials/share.ts';
import { beginVisit } from '../../../../src/broker/sign-in/visits.ts';
import type { Owner } from '../../../../src/principal.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { createBrowser, type Shown } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../../support/world.ts';

let world: World;
let server: SignInServer;

const mallory = person('evil', 'mallory');
const ann = person('acme', 'ann');
const bob = person('acme', 'bob');
const name = '<b>Work</b> Slack';

beforeAll(async () => {
  world = await startWorld();
  server = await startSignInServer({ ...world.env, KEYWARD_SHARE_TENANTS: 'offer' });
});
afterAll(async () => {
  await server.close();
  await world.close();
});

async function offered(): Promise<string> {
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, name };
  const created = await createCredential(server.broker, mallory, input, { obtainedBy: 'rest' });
  const id = created.kind === 'created' ? created.credentialId : '';
  await shareConnection(server.broker, mallory, { connectionId: id, with: 'tenant:acme', permission: 'use' });
  return id;
}

/** A browser in which this person signed in. */
async function signedIn(who: Owner) {
  const browser = createBrowser();
  browser.cookies.set('keyward', await beginVisit(server.broker, who));
  return browser;
}

/** The token of the form about this connection that gives this answer. */
function tokenIn({ text }: Shown, id: string, answer: string): string {
  const form = text
    .split('<form ')
    .find((part) => part.includes(`/offers/${id}"`) && part.includes(`value="${answer}"`));
  return /name="csrf" value="([^"]*)"/.exec(form ?? '')?.[1] ?? '';
}

const listed = async (who: typeof ann) =>
  (await listCredentials(server.broker, who, { limit: 100 })).credentials.map(({ credentialId }) => credentialId);

describe('an offer on the page', () => {
  it('75. says who offers what and where it goes, is accepted there, and removed there again', async () => {
    const id = await offered();
    const browser = await signedIn(ann);
    const page = await browser.open(server.origin);
    expect(page.text).toContain('A connection is</a>'.replace('</a>', ' offered to you'));
    expect(page.text).toContain('“&lt;b&gt;Work&lt;/b&gt; Slack”');
    expect(page.text).toContain('“mallory” of the tenant “evil”');
    expect(page.text).toContain(`<code>127.0.0.1:${world.server.port}</code>`);
    expect(page.text).toContain('Accept and add to my connections</button>');
    expect(page.text).toContain('Decline this offer</button>');
    expect(await listed(ann)).toEqual([]);

    const accepted = await browser.send(`${server.origin}/offers/${id}`, {
      csrf: tokenIn(page, id, 'take'),
      answer: 'take',
    });
    expect(accepted.heading).toBe('Your connections');
    expect(accepted.text).not.toContain('Offered to you');
    expect(accepted.text).toContain('shared by “mallory” of the tenant “evil”, to use');
    expect(await listed(ann)).toEqual([id]);
    const own = await browser.open(`${server.origin}/connections/${id}`);
    const removed = await browser.send(`${server.origin}/offers/${id}`, {
      csrf: tokenIn(own, id, 'decline'),
      answer: 'decline',
    });
    expect(removed.text).toContain('There is nothing here yet');
    expect(await listed(ann)).toEqual([]);
  });

  it('75. is declined with one button, and does not come back', async () => {
    const id = await offered();
    const browser = await signedIn(ann);
    const page = await browser.open(server.origin);
    const declined = await browser.send(`${server.origin}/offers/${id}`, {
      csrf: tokenIn(page, id, 'decline'),
      answer: 'decline',
    });
    expect(declined.status).toBe(200);
    expect(declined.text).not.toContain(id);
    expect((await browser.open(server.origin)).text).not.toContain(id);
    expect((await (await signedIn(bob)).open(server.origin)).text).toContain(`/offers/${id}`);
  });

  it('142. is answered by its own form alone: not without signing in, from another site, person, browser or form', async () => {
    const id = await offered();
    const browser = await signedIn(ann);
    const page = await browser.open(server.origin);
    const csrf = tokenIn(page, id, 'take');
    const other = await (await signedIn(bob)).open(server.origin);
    const cookie = async (who: Owner) => `keyward=${await beginVisit(server.broker, who)}`;
    const own = [...browser.cookies].map(([key, value]) => `${key}=${value}`).join('; ');
    const post = (headers: Record<string, string>, fields: Record<string, string>) =>
      raw(server.origin, `/offers/${id}`, {
        method: 'POST',
        headers: { origin: server.origin, 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams({ answer: 'take', csrf, ...fields }).toString(),
      });
    const refused = [
      await post({}, {}),
      await post({ cookie: await cookie(bob) }, {}),
      await post({ cookie: await cookie({ tenant: 'evil', user: 'ann' }) }, {}),
      // Signed in once more, in another browser.
      await post({ cookie: await cookie(ann) }, {}),
      await post({ cookie: own }, { csrf: '' }),
      await post({ cookie: own }, { csrf: tokenIn(other, id, 'take') }),
      await post({ cookie: own, origin: 'https://evil.example' }, {}),
      await post({ cookie: own, 'content-type': 'application/json' }, {}),
      await post({ cookie: own }, { answer: 'maybe' }),
    ].map(({ status }) => status);
    expect(refused).toEqual([303, 403, 404, 403, 403, 403, 403, 415, 422]);
    const got = await raw(server.origin, `/offers/${id}`, { headers: { cookie: own } });
    expect(got.status).toBe(405);
    expect([...(await listed(ann)), ...(await listed(bob))]).toEqual([]);
  });

  it('is one of ten at most that are shown at a time, and the number of the others is told', async () => {
    for (let one = 0; one < 12; one += 1) await offered();
    const dora = { tenant: 'acme', user: 'dora' };
    const { text } = await (await signedIn(dora)).open(server.origin);
    expect(text.match(/Decline this offer/g)).toHaveLength(10);
    expect(text).toMatch(/\d+ more offers wait/);
  });
});
