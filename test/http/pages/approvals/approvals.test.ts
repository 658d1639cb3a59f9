/** Approvals over HTTP: the built program, two owners with tokens of their own, and the pages that they sign in to. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clientKinds } from '../../../support/clients/mcp-clients.ts';
import { type Browser, createBrowser } from '../../../support/clients/session.ts';
import { type HttpKeyward, startKeywardHttp } from '../../../support/servers/keyward-http.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../../support/world.ts';

const scopes = ['read', 'write', 'use', 'release', 'share'].map((name) => `credentials:${name}`);
const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey, name: 'Work Acme' };

let world: World;
let keyward: HttpKeyward;
let ann: string;
let bob: string;
beforeAll(async () => {
  world = await startWorld();
  keyward = await startKeywardHttp({ ...world.env, KEYWARD_RELEASE: 'approve', KEYWARD_RATE_LIMIT: '1000000' });
});
afterAll(async () => {
  await keyward.stop();
  await world.close();
});
beforeEach(async () => {
  // Owners of their own for each test: nothing that another one left open is in the way.
  const [one, two] = [`ann-${crypto.randomUUID()}`, `bob-${crypto.randomUUID()}`];
  people = { ann: one, bob: two };
  [ann, bob] = await Promise.all([keyward.sessionToken(one, { scopes }), keyward.sessionToken(two, { scopes })]);
});
let people: { ann: string; bob: string };

async function signedIn(user: string): Promise<Browser> {
  const browser = createBrowser();
  const page = await browser.open(`${keyward.origin}/approvals`);
  expect(page.heading).toBe('Sign in to Keyward');
  const code = await keyward.signInCode(user);
  const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
  const list = await browser.send(`${keyward.origin}/sign-in`, { csrf, to: '/approvals', code });
  expect(list.heading).toBe('Requests for your approval');
  return browser;
}

/** The addresses of the requests that wait for this person. */
async function waiting(browser: Browser): Promise<string[]> {
  const { text } = await browser.open(`${keyward.origin}/approvals`);
  return [...text.matchAll(/href="(\/approvals\/[^"]+)"/g)].map(([, path]) => `${keyward.origin}${path}`);
}

async function answer(browser: Browser, url: string, fields: Record<string, string>): Promise<string> {
  const page = await browser.open(url);
  const csrf = /name="csrf" value="([^"]*)"/.exec(page.text)?.[1] ?? '';
  return (await browser.send(url, { csrf, ...fields })).heading;
}

async function rest(token: string, method: string, path: string, body?: unknown) {
  const response = await fetch(`${keyward.origin}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

describe.each(clientKinds)('a %s client over HTTP', (kind) => {
  it('gets the secret once its owner, signed in, has allowed it; nobody else sees or answers the request', async () => {
    const client = await keyward.client(kind, ann);
    const connectionId = (await client.get('create_credential', input)).credentialId;
    const { error } = await client.call('get_connection_credentials', { connectionId });
    expect(error?.code).toBe('approval_required');
    expect(JSON.stringify(error)).not.toMatch(/http:|\/approvals|[0-9a-f]{8}-/);

    const [mine, other] = await Promise.all([signedIn(people.ann), signedIn(people.bob)]);
    const [url = ''] = await waiting(mine);
    expect(await waiting(other)).toEqual([]);
    expect((await other.open(url)).status).toBe(404);
    expect((await createBrowser().open(url)).heading).toBe('Sign in to Keyward');

    const again = client.call('get_connection_credentials', { connectionId });
    expect(await answer(mine, url, { answer: 'once' })).toMatch(/You allowed it once|This is over/);
    expect((await again).data?.credentials).toEqual({ apiKey: goodApiKey });
    expect((await client.call('get_connection_credentials', { connectionId })).error?.code).toBe('approval_required');
    await client.close();
    expect(keyward.said()).not.toContain(url.split('/').at(-1));
  });
});

describe('over HTTP', () => {
  it('a client with URL elicitation is shown a link that is worth nothing without signing in', async () => {
    const links: string[] = [];
    const onLink = async ({ url }: { url: string }) => {
      links.push(url);
      expect((await createBrowser().open(url)).heading).toBe('Sign in to Keyward');
      expect(await answer(await signedIn(people.bob), url, { answer: 'once' })).not.toContain('allowed');
      expect(await answer(await signedIn(people.ann), url, { answer: 'once' })).toBe('You allowed it once');
      return 'accept' as const;
    };
    const client = await keyward.client('modern', ann, { onLink });
    const connectionId = (await client.get('create_credential', input)).credentialId;
    expect((await client.get('get_connection_credentials', { connectionId })).credentials).toEqual({
      apiKey: goodApiKey,
    });
    expect(links).toHaveLength(1);
    await client.close();
  });

  it('minutes are for the token that asked: another one of the same owner has to ask', async () => {
    const second = await keyward.sessionToken(people.ann, { scopes });
    const client = await keyward.client('modern', ann);
    const connectionId = String((await client.get('create_credential', input)).credentialId);
    const path = `/connection/${connectionId}/credentials`;
    expect((await rest(ann, 'GET', path)).status).toBe(403);
    const browser = await signedIn(people.ann);
    const [url = ''] = await waiting(browser);
    expect(await answer(browser, url, { answer: 'minutes', minutes: '5' })).toContain('Allowed for');
    expect((await rest(ann, 'GET', path)).text).toContain(goodApiKey);
    expect((await rest(ann, 'GET', path)).text).toContain(goodApiKey);
    const refused = await rest(second, 'GET', path);
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain(goodApiKey);
    expect((await rest(bob, 'GET', path)).status).toBe(404);
    await client.close();
  });

  it('a program sets the policy of a connection; allowing more, and sharing, waits for the owner', async () => {
    const client = await keyward.client('modern', ann);
    const connectionId = String((await client.get('create_credential', input)).credentialId);
    await client.close();
    const path = `/connection/${connectionId}`;
    const narrow = await rest(ann, 'PATCH', path, { policy: { methods: ['GET'], paths: ['/me'] } });
    expect(JSON.parse(narrow.text)).toMatchObject({ data: { policy: { methods: ['GET'], paths: ['/me'] } } });
    expect((await rest(ann, 'PATCH', path, { policy: { paths: ['me'] } })).status).toBe(422);
    expect((await rest(ann, 'PATCH', path, { policy: null })).status).toBe(403);

    const browser = await signedIn(people.ann);
    const approve = async () => answer(browser, (await waiting(browser))[0] ?? '', { answer: 'once' });
    expect(await approve()).toBe('You allowed it once');
    expect((await rest(ann, 'PATCH', path, { policy: null })).status).toBe(200);
    const share = { with: `user:${people.bob}`, permission: 'use', policy: { methods: ['GET', 'POST'] } };
    expect((await rest(ann, 'PUT', `${path}/shares`, share)).status).toBe(403);
    expect((await rest(bob, 'GET', path)).status).toBe(404);
    expect(await approve()).toBe('You allowed it once');
    expect((await rest(ann, 'PUT', `${path}/shares`, share)).status).toBe(200);
    const seen = JSON.parse((await rest(bob, 'GET', path)).text);
    expect(seen.data).toMatchObject({ access: 'use', shared_policies: [{ methods: ['GET', 'POST'], paths: null }] });
    expect((await rest(bob, 'GET', `${path}/credentials`)).status).toBe(403);
  });
});
