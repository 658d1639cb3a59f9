/** Connecting from a person's own pages: real requests of a browser, up to the stored credential. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { outcomeOf } from '../../../../src/broker/credentials/outcome.ts';
import { beginVisit } from '../../../../src/broker/sign-in/visits.ts';
import { onOwnPages } from '../../../../src/http/pages/home/own-request.ts';
import type { Owner } from '../../../../src/principal.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { createBrowser, linkOut } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../../support/world.ts';

let world: World;
let server: SignInServer;

const ann = person('acme', 'ann');
const ownPage = onOwnPages(ann).client ?? '';

beforeAll(async () => {
  world = await startWorld();
  server = await startSignInServer(world.env);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

/** A browser in which this person signed in. */
async function signedIn(who: Owner = ann) {
  const browser = createBrowser();
  browser.cookies.set('keyward', await beginVisit(server.broker, who));
  return browser;
}

const at = (path: string) => `${server.origin}${path}`;
const csrfIn = (text: string) => /name="csrf" value="([^"]*)"/.exec(text)?.[1] ?? '';
const stored = async () => server.broker.vault.list('credential', ann, {}, { limit: 100 });

describe('the page to connect a service', () => {
  it('finds a service, names its ways with the quickest first, and ends at the new connection', async () => {
    const browser = await signedIn();
    const found = await browser.open(at('/connect?query=acme'));
    expect([found.status, found.heading]).toEqual([200, 'Connect a service']);
    expect(found.text).toContain(`<a href="/connect?service=${connectorId}">Acme</a>`);
    expect(found.text).toContain('<a href="/connect?service=mcp-server">The address of an MCP server</a>');
    const ways = await browser.open(at(`/connect?service=${connectorId}`));
    const titles = [...ways.text.matchAll(/type=(\w+)">([^<]*)</g)].map(([, type]) => type);
    expect(titles.indexOf('oauth2')).toBeLessThan(titles.indexOf('api_key'));

    const form = await browser.open(at(`/connect?service=${connectorId}&type=api_key`));
    const begun = await browser.send(at('/connect'), {
      csrf: csrfIn(form.text),
      service: connectorId,
      type: 'api_key',
      'field.name': 'My key',
    });
    expect(begun.url.pathname).toMatch(/^\/connect\/[0-9a-f-]{36}$/);
    expect(begun.text).toContain('You want to connect Acme.');
    expect(begun.text).toContain('<dt>Asked by</dt><dd>you</dd>');
    const refused = await browser.submit(begun, 'inputs', { apiKey: 'acme_9182736450abcdef' });
    expect([refused.status, refused.text.includes('acme_9182736450abcdef')]).toEqual([422, false]);
    expect(refused.text).toContain('was not taken by Acme');
    expect(await stored()).toEqual([]);
    const done = await browser.submit(refused, 'inputs', { apiKey: goodApiKey });
    expect(done.heading).toBe('Acme is connected');
    const [made] = await stored();
    expect(made).toMatchObject({ name: 'My key', obtainedBy: 'page', status: 'active', statusReason: null });
    expect(done.text).toContain(`href="/connections/${made?.id}"`);
  });

  it('asks the service for the scopes that were left ticked, and no others', async () => {
    const browser = await signedIn();
    const form = await browser.open(at(`/connect?service=${connectorId}&type=oauth2`));
    const scopes = [...form.text.matchAll(/name="scope" value="([^"]*)" checked/g)].map(([, scope]) => scope ?? '');
    expect(scopes.length).toBeGreaterThan(1);
    const [first = ''] = scopes;
    const begun = await browser.send(at('/connect'), {
      csrf: csrfIn(form.text),
      service: connectorId,
      type: 'oauth2',
      scope: first,
    });
    expect(new URL(linkOut(begun)).searchParams.get('scope')).toBe(first);
  });

  it('says of a key that nobody could check that it is not confirmed, to the person and to whoever connects by a tool', async () => {
    const browser = await signedIn();
    const form = await browser.open(at('/connect?service=generic-api-key&type=api_key'));
    const begun = await browser.send(at('/connect'), {
      csrf: csrfIn(form.text),
      service: 'generic-api-key',
      type: 'api_key',
      'field.baseUrl': `${world.server.issuer}/v1`,
      'field.name': 'Unchecked',
    });
    const done = await browser.submit(begun, 'inputs', { baseUrl: `${world.server.issuer}/v1`, apiKey: goodApiKey });
    expect(done.heading).toBe(`${new URL(world.server.issuer).host} is stored, but not confirmed`);
    expect(done.text).toContain('The first use will tell.');
    const made = (await stored()).find(({ name }) => name === 'Unchecked');
    expect(await outcomeOf(server.broker, ann, made?.id ?? '')).toMatchObject({
      detail: expect.stringMatching(/^Not confirmed: /),
    });
  });

  it('keeps what was typed where something is missing, and begins nothing', async () => {
    const browser = await signedIn();
    const form = await browser.open(at('/connect?service=mcp-server&type=bearer'));
    const sent = { csrf: csrfIn(form.text), service: 'mcp-server', type: 'bearer', 'field.name': 'Tools of mine' };
    const wrong = await browser.send(at('/connect'), { ...sent, 'field.serverUrl': 'not an address' });
    expect([wrong.status, wrong.url.pathname]).toEqual([422, '/connect']);
    expect(wrong.text).toContain('value="not an address"');
    expect(wrong.text).toContain('value="Tools of mine"');
  });
});

describe('an attacker', () => {
  it('393. who is an assistant and calls itself the person’s own page is shown as a program, not as the person', async () => {
    const input = { connectorId, authenticationType: 'api_key' };
    const started = await createCredential(server.broker, { ...ann, client: ownPage }, input, { obtainedBy: 'tool' });
    const page = await (await signedIn()).open(at(started.kind === 'attempt' ? `/connect/${started.attemptId}` : '/'));
    expect(page.text).toContain(`“${ownPage}” wants to use Acme for you.`);
    expect(page.text).not.toContain('You want to connect');
  });

  it('394. who writes an address for /connect fills in no field, begins nothing, and without the form’s proof no more', async () => {
    const browser = await signedIn();
    const before = (await server.broker.vault.list('attempt', ann, {}, { limit: 100 })).length;
    const fields = 'field.serverUrl=https%3A%2F%2Fevil.example%2F&serverUrl=https%3A%2F%2Fevil.example%2F&csrf=x';
    const page = await browser.open(at(`/connect?service=mcp-server&type=bearer&${fields}`));
    expect(page.text).not.toContain('evil.example');
    const bare = { service: connectorId, type: 'api_key' };
    for (const csrf of ['', 'x', csrfIn((await (await signedIn(person('acme', 'bob'))).open(at('/connect'))).text)])
      expect((await browser.send(at('/connect'), { ...bare, csrf })).status).toBe(403);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const fromElsewhere = await raw(server.origin, '/connect', {
      method: 'POST',
      headers: {
        cookie,
        origin: 'https://evil.example',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ ...bare, csrf: csrfIn(page.text) }).toString(),
    });
    expect(fromElsewhere.status).toBe(403);
    expect((await server.broker.vault.list('attempt', ann, {}, { limit: 100 })).length).toBe(before);
  });
});
