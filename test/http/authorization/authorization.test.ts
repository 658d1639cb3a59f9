/** Keyward's own authorization server: real clients of both SDK lines, a script that acts as the person, and attackers. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Client as ClientTwo, StreamableHTTPClientTransport as TransportTwo } from '@modelcontextprotocol/client';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { assistantsOf, endAssistant, letIn } from '../../../src/broker/authorization/assistants.ts';
import { egressFetchOf } from '../../../src/broker/authorization/documents.ts';
import {
  accessTokenFor,
  codeFor,
  exchangeCode,
  principalOfAssistant,
} from '../../../src/broker/authorization/tokens.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { listCredentials } from '../../../src/broker/credentials/manage.ts';
import { endEverything } from '../../../src/broker/ending/end-everything.ts';
import { createSignInCode } from '../../../src/broker/sign-in/code.ts';
import { hasCode } from '../../../src/errors.ts';
import { localPrincipal, nobody, usualScopes } from '../../../src/principal.ts';
import { type Browser, createBrowser, type Shown } from '../../support/clients/session.ts';
import { person } from '../../support/principals.ts';
import { startKeywardHttp } from '../../support/servers/keyward-http.ts';
import { makeDatabase } from '../../support/servers/postgres.ts';
import { type SignInServer, startSignInServer } from '../../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

let world: World;
let server: SignInServer;
let origin: string;
let address = 0;
let document: Record<string, unknown>;

const documentUrl = 'https://client.example/oauth.json';

beforeAll(async () => {
  world = await startWorld();
  server = await startSignInServer(world.env, {
    internet: { 'client.example': () => JSON.stringify(document) },
  });
  ({ origin } = server);
});
afterAll(async () => {
  await server.close();
  await world.close();
});
let printed: ReturnType<typeof vi.spyOn>[] = [];
beforeEach(() => {
  printed = (['info', 'warn', 'error'] as const).map((how) => vi.spyOn(console, how));
});
afterEach(() => {
  vi.useRealTimers();
  // Libraries write to stdout and stderr, which hold nothing but what Keyward says.
  for (const print of printed) expect(print).not.toHaveBeenCalled();
});

const ann = { tenant: 'default', user: 'ann' };
const bob = { tenant: 'default', user: 'bob' };
const redirectUri = 'http://127.0.0.1:9/callback';

const browsers = new Map<string, Promise<Browser>>();

/** The browser in which this person is signed in. */
function signedIn(who = ann): Promise<Browser> {
  const known = browsers.get(who.user) ?? signIn(who);
  browsers.set(who.user, known);
  return known;
}

async function signIn(who: typeof ann): Promise<Browser> {
  const browser = createBrowser(from);
  const page = await browser.open(`${origin}/sign-in`);
  const { code } = await createSignInCode(server.broker, localPrincipal, who);
  await browser.send(`${origin}/sign-in`, { csrf: hidden(page, 'csrf'), to: '/', code });
  return browser;
}

function hidden({ text }: Shown, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? '';
}

type Fields = Readonly<Record<string, string>>;

/** The person answers the page that a program sent them to; answers the page that leads back. */
async function answerPage(browser: Browser, link: string | URL, said: 'yes' | 'no', fields: Fields): Promise<Shown> {
  const asked = await browser.open(link);
  return browser.send(asked.url, { csrf: hidden(asked, 'csrf'), answer: said, which: 'all', days: '30', ...fields });
}

/** As before, and goes where that page leads; answers where the person is sent back to. */
async function answer(browser: Browser, link: string | URL, said: 'yes' | 'no' = 'yes', fields: Fields = {}) {
  const back = await browser.open(whereTo(await answerPage(browser, link, said, fields)), 0);
  return new URL(back.headers.get('location') ?? '');
}

/** Where the page leads that comes after an answer. */
function whereTo({ status, text }: Shown): string {
  const goTo = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
  if (goTo === '') throw new Error(`${status} ${text}`);
  return goTo;
}

/** Each request comes from another address, so that no limit of addresses is met by chance. */
function from(): Record<string, string> {
  address += 1;
  return { 'x-forwarded-for': `192.0.2.${address % 250}, 198.51.${address >> 8}.${address % 250}` };
}

async function post(path: string, form: Fields, headers: Fields = from()) {
  const response = await fetch(`${origin}${path}`, { method: 'POST', body: new URLSearchParams(form), headers });
  return { status: response.status, body: (await response.json().catch(() => ({}))) as Record<string, string> };
}

async function register(said: object = {}, headers: Fields = from()) {
  const body = JSON.stringify({ client_name: 'Test client', redirect_uris: [redirectUri], ...said });
  const sent = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } };
  const response = await fetch(`${origin}/oauth/register`, sent);
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const newClient = async (said: object = {}) => (await register(said)).body.client_id ?? '';

/** The link that a client sends its person to, and what it needs afterwards. An empty parameter is left out. */
function request(clientId: string, change: Fields = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${origin}/mcp`,
    scope: usualScopes.join(' '),
    state: 'state-1',
    ...change,
  };
  const given = Object.entries(parameters).filter(([, value]) => value !== '');
  return { link: `${origin}/oauth/authorize?${new URLSearchParams(given)}`, verifier };
}

const exchange = (clientId: string, back: URL, verifier: string, change: Fields = {}) =>
  post('/oauth/token', {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: back.searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...change,
  });

const refresh = (clientId: string, token = '', change: Fields = {}) =>
  post('/oauth/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token: token, ...change });

/** A client that a person let in, with its tokens. */
async function letInClient(browser: Browser, change: Fields = {}, fields: Fields = {}) {
  const clientId = await newClient();
  const { link, verifier } = request(clientId, change);
  const back = await answer(browser, link, 'yes', fields);
  const { body } = await exchange(clientId, back, verifier);
  return { clientId, back, verifier, access: body.access_token ?? '', refresh: body.refresh_token ?? '', body };
}

/** The statuses with which each door answers this token. */
async function doors(token: string, id = '550e8400-e29b-41d4-a716-446655440000'): Promise<number[]> {
  const headers = { authorization: `Bearer ${token}` };
  const answers = [`${origin}/api/credentials`, `${origin}/connection/${id}`, `${origin}/proxy/${id}/me`];
  return Promise.all(answers.map(async (url) => (await fetch(url, { headers })).status));
}

const refused = [401, 401, 401];

/** What a client of an SDK keeps while it signs its person in; the person is a script. */
function memory(browser: Browser, more: object = {}) {
  const kept: Record<string, never> = {};
  let back = new URL('about:blank');
  const keep = (name: string) => ({
    [name]: () => kept[name],
    [`save${name[0]?.toUpperCase()}${name.slice(1)}`]: (value: never) => {
      kept[name] = value;
    },
  });
  const provider = {
    redirectUrl: redirectUri,
    clientMetadata: { client_name: 'Test client', redirect_uris: [redirectUri] },
    ...more,
    ...keep('clientInformation'),
    ...keep('tokens'),
    ...keep('codeVerifier'),
    ...keep('discoveryState'),
    async redirectToAuthorization(url: URL) {
      back = await answer(browser, url);
    },
  };
  return { kept, back: () => back.searchParams, provider: provider as never };
}

const sdks = {
  'SDK 1.x': { Client: ClientOne, Transport: TransportOne },
  'SDK 2.x': { Client: ClientTwo, Transport: TransportTwo },
} as unknown as Readonly<Record<string, { Client: typeof ClientTwo; Transport: typeof TransportTwo }>>;
const ways = [
  ['registers itself', {}],
  ['has a metadata document', { clientMetadataUrl: documentUrl }],
] as const;

describe('a client that knows nothing but the address', () => {
  const cases = Object.keys(sdks).flatMap((sdk) => ways.map(([way, more]) => [sdk, way, more] as const));
  it.each(cases)('290. with %s, which %s, goes from there to a tool call', async (sdk, _, more) => {
    const { Client, Transport } = sdks[sdk] as (typeof sdks)[string];
    document = { client_id: documentUrl, client_name: 'Vouched client', redirect_uris: [redirectUri] };
    const { provider, back, kept } = memory(await signedIn(), more);
    const url = new URL(`${origin}/mcp`);
    const connect = () => {
      const transport = new Transport(url, { authProvider: provider });
      return { transport, client: new Client({ name: 'test', version: '1.0.0' }) };
    };
    const first = connect();
    await expect(first.client.connect(first.transport)).rejects.toThrow(/unauthorized/i);
    await first.transport.finishAuth(back().get('code') ?? '', back().get('iss') ?? '');
    const { client, transport } = connect();
    await client.connect(transport);
    const { structuredContent } = await client.callTool({ name: 'list_credentials', arguments: {} });
    expect(structuredContent).toEqual({ credentials: [] });
    await client.close();
    const { client_id: clientId } = kept.clientInformation as unknown as Record<string, string>;
    expect(clientId === documentUrl).toBe('clientMetadataUrl' in more);
  });

  it('291. is led from the refusal to metadata that says the same at every place', async () => {
    const { headers, status } = await fetch(`${origin}/mcp`, { method: 'POST' });
    expect(status).toBe(401);
    const [, metadata = ''] = /resource_metadata="([^"]*)"/.exec(headers.get('www-authenticate') ?? '') ?? [];
    expect(metadata).toBe(`${origin}/.well-known/oauth-protected-resource/mcp`);
    const read = async (path: string) => (await fetch(new URL(path, origin))).json();
    const resource = await read(metadata);
    expect(resource).toMatchObject({ resource: `${origin}/mcp`, authorization_servers: [origin] });
    expect(await read('/.well-known/oauth-protected-resource')).toEqual(resource);
    const server = await read('/.well-known/oauth-authorization-server');
    expect(server).toMatchObject({
      issuer: origin,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    });
    for (const path of [
      '/.well-known/oauth-authorization-server/mcp',
      '/.well-known/openid-configuration',
      '/.well-known/openid-configuration/mcp',
      '/mcp/.well-known/openid-configuration',
    ]) {
      expect(await read(path)).toEqual(server);
    }
  });
});

describe('a redirect URI', () => {
  it.each([
    'http://client.example/callback',
    'https://client.example/callback#part',
    'https://user:secret@client.example/callback',
    'https://localhost/callback',
    'http://127.0.0.1.nip.io/callback',
    'javascript:alert(1)//x.y',
    'data:text/html,x',
    'file:///etc/passwd',
    'unknown://callback',
    'https://client.example/\\@other.example',
    'https://client.example/a b',
    '/callback',
    '',
  ])('292. that is no https, loopback or private-use address is not registered: %s', async (uri) => {
    expect(await register({ redirect_uris: [uri] })).toMatchObject({ status: 400 });
    expect(await register({ redirect_uris: [redirectUri, uri] })).toMatchObject({ status: 400 });
  });

  it.each([
    [redirectUri, 'http://127.0.0.1:51234/callback', true],
    ['http://localhost/callback', 'http://localhost:3000/callback', true],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'cursor://anysphere.cursor-mcp/oauth/callback', true],
    ['com.example.app:/callback', 'com.example.app:/callback', true],
    [redirectUri, 'http://127.0.0.1:9/callback/..', false],
    [redirectUri, 'http://127.0.0.1:9/callback?more', false],
    [redirectUri, 'http://localhost:9/callback', false],
    [redirectUri, 'http://127.0.0.1:9@evil.example/callback', false],
    ['https://client.example/callback', 'https://client.example:8443/callback', false],
    ['https://client.example/callback', 'https://client.example.evil.example/callback', false],
    ['https://client.example/callback', 'https://client.example/callback/', false],
    ['com.example.app:/callback', 'com.example.app:/other', false],
  ])('293. %s registered, %s asked for: %s', async (registered, asked, fits) => {
    const clientId = await newClient({ redirect_uris: [registered] });
    const { link } = request(clientId, { redirect_uri: asked });
    const shown = await createBrowser(from).open(link, 0);
    // Nobody is ever sent to an address that was not registered, not even with an error.
    if (fits) expect(shown.headers.get('location')).toContain('/oauth/consent/');
    else
      expect([shown.status, shown.headers.get('location'), shown.heading]).toEqual([
        400,
        null,
        'This link leads somewhere else',
      ]);
  });
});

describe('a request for authorization', () => {
  it.each([
    ['without PKCE', { code_challenge: '', code_challenge_method: '' }, 'invalid_request'],
    ['with PKCE in the clear', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['with a challenge and no method', { code_challenge_method: '' }, 'invalid_request'],
    ['without a resource', { resource: '' }, 'invalid_target'],
    ['for another resource', { resource: 'https://other.example/mcp' }, 'invalid_target'],
    ['for a token in the address', { response_type: 'token' }, 'unsupported_response_type'],
    ['that nobody is to be asked', { prompt: 'none' }, 'consent_required'],
    ['with an object of its own', { request: 'e30.e30.' }, 'request_not_supported'],
  ])('294. %s is refused, and the refusal says who refuses', async (_, change, error) => {
    const shown = await (await signedIn()).open(request(await newClient(), change as Fields).link, 0);
    const back = new URL(shown.headers.get('location') ?? '');
    expect(`${back.origin}${back.pathname}`).toBe(redirectUri);
    const { searchParams } = back.hash === '' ? back : new URL(`${origin}/?${back.hash.slice(1)}`);
    expect(Object.fromEntries(searchParams)).toMatchObject({ error, state: 'state-1', iss: origin });
    expect(searchParams.has('code')).toBe(false);
  });

  it('295. is asked of the person each time, whatever they said before', async () => {
    const browser = await signedIn();
    const clientId = await newClient();
    await answer(browser, request(clientId).link);
    const again = await browser.open(request(clientId).link);
    expect(again.text).toContain('Let it in');
    expect((await browser.open(request(clientId, { prompt: 'none' }).link, 0)).headers.get('location')).toContain(
      'error=consent_required',
    );
  });

  it('296. sends whoever is not signed in to sign in, and back to the page', async () => {
    const browser = createBrowser(from);
    const page = await browser.open(request(await newClient()).link);
    expect(page.heading).toBe('Sign in to Keyward');
    const { code } = await createSignInCode(server.broker, localPrincipal, ann);
    const to = hidden(page, 'to');
    const shown = await browser.send(`${origin}/sign-in`, { csrf: hidden(page, 'csrf'), to, code });
    expect(shown.url.pathname).toMatch(/^\/oauth\/consent\//);
    expect(shown.text).toContain('registered itself');
  });

  it('297. is answered by the person whose page it is, from that page and in that browser alone', async () => {
    const clientId = await newClient();
    const [anns, bobs] = [await signedIn(), await signedIn(bob)];
    const asked = await anns.open(request(clientId).link);
    const yes = { answer: 'yes', which: 'all', days: '30' };
    const before = (await assistantsOf(server.broker, ann)).length;
    const csrf = hidden(asked, 'csrf');
    // Without the token of the form; from another site; in another browser, with and without Ann's cookie of the request.
    expect((await anns.send(asked.url, { ...yes, csrf: '' })).status).toBe(403);
    const cookie = [...anns.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const body = new URLSearchParams({ ...yes, csrf });
    const foreign = { cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    expect((await fetch(asked.url, { method: 'POST', body, headers: foreign })).status).toBe(403);
    expect((await bobs.send(asked.url, { ...yes, csrf })).status).toBe(410);
    for (const [name, value] of anns.cookies) if (name.startsWith('keyward-consent')) bobs.cookies.set(name, value);
    expect((await bobs.send(asked.url, { ...yes, csrf })).status).toBe(403);
    expect(await assistantsOf(server.broker, ann)).toHaveLength(before);
    expect(await assistantsOf(server.broker, bob)).toHaveLength(0);
    // Her own answer still counts, and counts once.
    const left = await anns.send(asked.url, { ...yes, csrf });
    const goTo = /content="0;url=([^"]*)"/.exec(left.text)?.[1] ?? '';
    const [one, two] = await Promise.all([anns.open(goTo, 0), anns.open(goTo, 0)]);
    const codes = [one, two].filter((shown) => shown?.headers.get('location')?.includes('code='));
    expect(codes).toHaveLength(1);
  });

  it('338. is shown to whoever signed in within ten minutes: a cookie that was taken later begins nothing', async () => {
    const [browser, clientId] = [await signIn({ tenant: 'default', user: 'gus' }), await newClient()];
    vi.useFakeTimers({ now: Date.now() + 601_000, toFake: ['Date'] });
    expect(new URL((await browser.open(request(clientId).link)).url).pathname).toBe('/sign-in');
  });

  it('339. goes on in the browser alone that it was answered in, whoever has the cookies of the request', async () => {
    const clientId = await newClient();
    const [eves, dans] = [
      await signIn({ tenant: 'default', user: 'eve' }),
      await signIn({ tenant: 'default', user: 'gus' }),
    ];
    const asked = await eves.open(request(clientId).link);
    for (const [name, value] of eves.cookies) if (name.startsWith('keyward-consent')) dans.cookies.set(name, value);
    const goTo = whereTo(await answerPage(dans, asked.url, 'yes', {}));
    const back = await eves.open(goTo, 0);
    expect([back.status, back.headers.get('location')]).toEqual([410, null]);
  });

  it('340. goes on no more once everything of the person was ended', async () => {
    const browser = await signIn({ tenant: 'default', user: 'fay' });
    const goTo = whereTo(await answerPage(browser, request(await newClient()).link, 'yes', {}));
    await endEverything(server.broker, person('default', 'fay'), { forget: false, onStep: () => {} });
    const back = await browser.open(goTo, 0);
    expect([back.status, back.headers.get('location')]).toEqual([410, null]);
  });

  it('comes back in the query, whatever way back was asked for, and takes its resource named twice', async () => {
    const { link } = request(await newClient(), { response_mode: 'fragment' });
    const back = await answer(await signedIn(), `${link}&resource=${encodeURIComponent(`${origin}/mcp`)}`);
    expect([back.hash, back.searchParams.has('code')]).toEqual(['', true]);
  });

  it('298. can not be framed, kept or sent elsewhere, and loads nothing', async () => {
    const browser = await signedIn();
    const asked = await browser.open(request(await newClient()).link);
    const wrong = await browser.open(request('nobody').link, 0);
    for (const { headers } of [asked, wrong]) {
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('content-security-policy')).toContain("form-action 'self'");
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('cache-control')).toBe('no-store');
    }
    expect(wrong.status).toBe(400);
  });

  it('299. is shown with nothing chosen, whatever the link says', async () => {
    const browser = await signedIn();
    const { link } = request(await newClient());
    const asked = await browser.open(`${link}&which=all&answer=yes&readOnly=no&days=365`);
    expect(asked.text).not.toMatch(/\bchecked\b/);
    const unclear = await answerPage(browser, link, 'yes', { which: '' });
    expect([unclear.status, unclear.text.includes('Choose which connections')]).toEqual([422, true]);
  });

  it('300. shows a name as a quotation of one line, which can not pass for words of Keyward', async () => {
    const name = 'Claude” is good. \u202e\nKeyward says <b>yes</b>';
    const asked = await (await signedIn()).open(request(await newClient({ client_name: name })).link);
    expect(asked.text).not.toContain('<b>yes</b>');
    expect(asked.heading).toBe('Let “Claude’ is good. Keyward says &lt;b&gt;yes&lt;/b&gt;” in?');
  });

  it('ends with a no that the program is told of', async () => {
    const back = await answer(await signedIn(), request(await newClient()).link, 'no');
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: 'access_denied', iss: origin });
  });
});

describe('a metadata document', () => {
  const shownFor = async (clientId: string) => (await signedIn()).open(request(clientId).link);

  it('301. is vouched for by its host, which the person is shown', async () => {
    document = { client_id: documentUrl, client_name: 'Vouched client', redirect_uris: [redirectUri] };
    const { text } = await shownFor(documentUrl);
    expect(text).toContain('<dd><span class="code">client.example</span>. But any program on this computer can say');
    expect(text).not.toContain('registered itself');
  });

  it.each([
    'http://client.example/oauth.json',
    'https://127.0.0.1/oauth.json',
    'https://[::1]/oauth.json',
    'https://169.254.169.254/latest/meta-data',
    'https://10.0.0.1/oauth.json',
    'https://localhost/oauth.json',
    'https://user@client.example/oauth.json',
    'https://client.example/a/../oauth.json',
    'https://client.example/oauth.json#x',
  ])('302. that is inside a network, or no plain https address, is not read: %s', async (clientId) => {
    document = { client_id: clientId, redirect_uris: [redirectUri] };
    const { status, heading } = await shownFor(clientId);
    const isUnread = clientId.startsWith('https://');
    const words = isUnread ? 'Keyward can’t find out who this program is' : 'Keyward does not know this program';
    expect([status >= 400 && status < 500, heading]).toEqual([true, words]);
  });

  it('302. is not read at a host that was opened for people who signed in', async () => {
    const request = vi.fn();
    const read = egressFetchOf({ egress: { request, allowsPlain: ({ host }) => host === 'gitlab.internal' } });
    await expect(read('https://gitlab.internal/oauth.json')).rejects.toMatchObject({ code: 'egress_refused' });
    expect(request).not.toHaveBeenCalled();
  });

  it.each([
    ['of another client', { client_id: 'https://client.example/other.json' }],
    ['with a secret in it', { client_secret: 'x' }],
    ['with a redirect URI that can not be', { redirect_uris: ['javascript:alert(1)'] }],
    ['of more than five kilobytes', { more: 'x'.repeat(6_000) }],
  ])('303. %s makes no client', async (_, change) => {
    const clientId = `https://client.example/${randomBytes(4).toString('hex')}.json`;
    document = { client_id: clientId, client_name: 'X', redirect_uris: [redirectUri], ...change };
    expect((await shownFor(clientId)).status).toBe(400);
  });

  it('304. that changes takes the redirect URI along that it no longer has', async () => {
    const clientId = 'https://client.example/changing.json';
    document = { client_id: clientId, client_name: 'X', redirect_uris: [redirectUri] };
    expect((await shownFor(clientId)).text).toContain('Let it in');
    document = { ...document, redirect_uris: ['https://client.example/new'] };
    vi.useFakeTimers({ now: Date.now() + 301_000, toFake: ['Date'] });
    expect((await shownFor(clientId)).heading).toBe('This link leads somewhere else');
  });
});

describe('registration', () => {
  it('305. is bounded for each address, and forgotten when nobody uses it', async () => {
    const flood = { 'x-forwarded-for': '203.0.113.7' };
    const statuses: number[] = [];
    for (let turn = 0; turn < 22; turn += 1) statuses.push((await register({}, flood)).status);
    expect(statuses).toEqual([...Array<number>(20).fill(201), 429, 429]);
    expect((await register()).status).toBe(201);
    const [unused, { clientId: used }] = [await newClient(), await letInClient(await signedIn())];
    vi.useFakeTimers({ now: Date.now() + 25 * 3_600_000, toFake: ['Date'] });
    expect((await createBrowser(from).open(request(unused).link, 0)).status).toBe(400);
    expect((await createBrowser(from).open(request(used).link, 0)).status).toBe(303);
  });

  const registrationOf = (clientId: string) => server.broker.vault.get('registration', nobody, clientId);

  /** Takes all the room that there is, with few records; answers how to give it back. */
  async function fillUp(status: 'used' | 'unused') {
    const { vault } = server.broker;
    const common = { tenant: nobody.tenant, owner: nobody.user, status, expiresAt: Date.now() + 3_600_000 };
    const made: string[] = [];
    for (const length of [6_000_000, 200_000, 20_000, 2_000, 100]) {
      for (let isFull = false; !isFull; ) {
        const record = { ...common, id: randomUUID() };
        const creation = { op: 'create', kind: 'registration', record, secret: { said: 'x'.repeat(length) } } as const;
        isFull = await vault.commit([creation]).then(
          () => made.push(record.id) === 0,
          (error: unknown) => hasCode(error, 'limit_reached'),
        );
      }
    }
    const kept = async () => (await Promise.all(made.map(registrationOf))).filter((record) => record !== undefined);
    const empty = async () =>
      vault.commit((await kept()).map((record) => ({ op: 'delete', kind: 'registration', record })));
    return { made: made.length, kept, empty };
  }

  it('335. keeps little of each stranger, and where there is no room the oldest that nobody let in go', async () => {
    for (const uri of [`https://client.example/${'a'.repeat(300)}`, 'https://client.example/ü', 'https://ä.example/']) {
      expect((await register({ redirect_uris: [uri] })).status).toBe(400);
    }
    const { clientId } = await letInClient(await signedIn());
    const opened = (length: number) =>
      createBrowser(from).open(request(clientId, { state: 'x'.repeat(length) }).link, 0);
    expect((await opened(3_000)).status).toBe(303);
    expect((await opened(4_000)).status).toBe(414);
    const { made, kept, empty } = await fillUp('unused');
    expect(made).toBeLessThan(100);
    const next = await register();
    expect([next.status, (await kept()).length]).toEqual([201, 0]);
    expect(await registrationOf(clientId)).toBeDefined();
    await empty();
  });

  it('336. keeps a program while somebody has let it in, and has room for others after that', async () => {
    const [browser, cid] = [await signedIn({ ...ann, user: 'cid' }), person('default', 'cid')];
    const promised = await newClient();
    await answer(browser, request(promised).link);
    expect(await registrationOf(promised)).toMatchObject({ status: 'unused' });
    const { clientId } = await letInClient(browser, {}, { days: '90' });
    const { link, verifier } = request(clientId);
    await exchange(clientId, await answer(browser, link), verifier);
    const known = await registrationOf(clientId);
    expect(known).toMatchObject({ status: 'used', assistants: 2 });
    expect(known?.expiresAt).toBeGreaterThan(Date.now() + 90 * 86_400_000);
    const [one, two] = await assistantsOf(server.broker, cid);
    await endAssistant(server.broker, cid, one?.id ?? '');
    expect(await registrationOf(clientId)).toMatchObject({ status: 'used', assistants: 1 });
    const { vault } = server.broker;
    const unused = await vault.list('registration', nobody, { status: 'unused' }, { limit: 1_000 });
    await vault.commit(unused.map((record) => ({ op: 'delete', kind: 'registration', record })));
    const { empty, kept, made } = await fillUp('used');
    const full = await register();
    expect(full).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    await endAssistant(server.broker, cid, two?.id ?? '');
    expect(await registrationOf(clientId)).toMatchObject({ status: 'unused', assistants: 0 });
    expect((await register()).status).toBe(201);
    expect([await registrationOf(clientId), (await kept()).length]).toEqual([undefined, made]);
    await empty();
  });

  it('337. lets nobody let in programs without end: more than 60 in an hour are refused in words', async () => {
    const dan = { ...ann, user: 'dan' };
    const browser = await signedIn(dan);
    const expiresAt = Date.now() + 3_600_000;
    const recent = Array.from({ length: 59 }, () => {
      const record = { id: randomUUID(), tenant: dan.tenant, owner: dan.user, expiresAt };
      return { op: 'create', kind: 'recentAssistant', record, secret: {} } as const;
    });
    await server.broker.vault.commit(recent);
    const { access } = await letInClient(browser);
    expect(await doors(access)).toEqual([200, 404, 404]);
    const { link } = request(await newClient());
    const refusal = await answerPage(browser, link, 'yes', {});
    expect(refusal.status).toBe(422);
    expect(refusal.text).toContain('Wait an hour');
    expect(await assistantsOf(server.broker, dan)).toHaveLength(1);
    vi.useFakeTimers({ now: Date.now() + 3_601_000, toFake: ['Date'] });
    await letInClient(await signIn(dan));
    expect(await assistantsOf(server.broker, dan)).toHaveLength(2);
  });

  it('takes what other servers take, and makes a public client of it', async () => {
    const said = {
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['authorization_code'],
      scope: 'openid anything',
      application_type: 'web',
      logo_uri: 'https://client.example/logo.png',
      jwks_uri: 'https://client.example/keys',
    };
    const { status, body } = await register(said);
    expect(status).toBe(201);
    expect(body).toMatchObject({ token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['client_secret']));
    expect(JSON.stringify(body)).not.toContain('client.example');
  });
});

describe('tokens', () => {
  it('306. come for a code once: a second use ends what the first one gave', async () => {
    const { clientId, back, verifier, access, refresh: first } = await letInClient(await signedIn());
    expect(await doors(access)).toEqual([200, 404, 404]);
    expect(await exchange(clientId, back, verifier)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await doors(access)).toEqual(refused);
    expect(await refresh(clientId, first)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('307. come for a code to its own client, with its verifier and redirect URI, for its resource', async () => {
    const browser = await signedIn();
    const [clientId, other] = [await newClient(), await newClient()];
    const { link, verifier } = request(clientId);
    const back = await answer(browser, link);
    const wrong = randomBytes(32).toString('base64url');
    expect((await exchange(other, back, verifier)).status).toBe(400);
    expect((await exchange(clientId, back, wrong)).status).toBe(400);
    expect((await exchange(clientId, back, '')).status).toBe(400);
    expect((await exchange(clientId, back, verifier, { redirect_uri: 'http://127.0.0.1:10/callback' })).status).toBe(
      400,
    );
    expect((await exchange(clientId, back, verifier, { resource: 'https://other.example' })).status).toBe(400);
  });

  it('308. rotate, and a refresh token that comes a second time ends the whole family', async () => {
    const { clientId, access, refresh: first } = await letInClient(await signedIn());
    const { body: second } = await refresh(clientId, first);
    expect(second).toMatchObject({ token_type: 'Bearer', expires_in: 600 });
    const { body: third } = await refresh(clientId, second.refresh_token);
    expect(await doors(third.access_token ?? '')).toEqual([200, 404, 404]);
    expect((await refresh(clientId, first)).body.error).toBe('invalid_grant');
    for (const token of [access, second.access_token, third.access_token])
      expect(await doors(token ?? '')).toEqual(refused);
    expect((await refresh(clientId, third.refresh_token)).body.error).toBe('invalid_grant');
  });

  it('309. of two that use one refresh token at once, at most one has anything of it', async () => {
    const { clientId, refresh: first } = await letInClient(await signedIn());
    const both = await Promise.all([refresh(clientId, first), refresh(clientId, first)]);
    expect(both.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    for (const { body } of both) if (body.access_token) expect(await doors(body.access_token)).toEqual(refused);
  });

  it('310. end at once at every door when their person ends the assistant, or everything', async () => {
    const browser = await signedIn(bob);
    const [one, two] = [await letInClient(browser), await letInClient(browser)];
    const shown = await browser.open(`${origin}/assistants`);
    expect(shown.text).toContain('Your assistants');
    const [assistant] = await assistantsOf(server.broker, bob);
    const form = { csrf: hidden(shown, 'csrf'), assistantId: assistant?.id ?? '' };
    const csrf =
      /action="\/assistants"[^>]*><input type="hidden" name="csrf" value="([^"]*)"/.exec(shown.text)?.[1] ?? '';
    // Nobody else ends it.
    const anns = await signedIn();
    expect((await anns.send(`${origin}/assistants`, { ...form, csrf })).status).toBe(403);
    await browser.send(`${origin}/assistants`, { ...form, csrf });
    const ended = (await Promise.all([one, two].map(({ access }) => doors(access)))).filter(
      ([status]) => status === 401,
    );
    expect(ended).toEqual([refused]);
    const { assistants } = await endEverything(server.broker, person('default', 'bob'), {
      forget: false,
      onStep: () => {},
    });
    expect(assistants).toBe(1);
    for (const { access, clientId, refresh: token } of [one, two]) {
      expect(await doors(access)).toEqual(refused);
      expect((await refresh(clientId, token)).status).toBe(400);
    }
  });

  it('311. end when their client gives one of them up, and at no other client’s word', async () => {
    const { clientId, access, refresh: token } = await letInClient(await signedIn());
    const other = await newClient();
    await post('/oauth/revoke', { client_id: other, token });
    expect(await doors(access)).toEqual([200, 404, 404]);
    await post('/oauth/revoke', { client_id: clientId, token: access });
    expect(await doors(access)).toEqual(refused);
    expect((await refresh(clientId, token)).status).toBe(400);
  });

  it('312. are good for ten minutes, for as long as was chosen, and for this address alone', async () => {
    const { broker } = server;
    const { clientId, access, refresh: token } = await letInClient(await signedIn(), {}, { days: '1' });
    const endsAt = Date.now() + 3_600_000;
    const agreement = { clientId, name: 'X', vouchedBy: null, resource: 'https://old.example/mcp', endsAt };
    const id = await letIn(broker, ann, { ...agreement, scopes: usualScopes });
    await exchangeCode(broker, (await codeFor(broker, id, {})) ?? '');
    const elsewhere = accessTokenFor(broker, id, usualScopes);
    expect(await principalOfAssistant(broker, elsewhere, 'https://old.example/mcp')).not.toBeNull();
    expect(await doors(elsewhere)).toEqual(refused);
    vi.useFakeTimers({ now: Date.now() + 601_000, toFake: ['Date'] });
    expect(await doors(access)).toEqual(refused);
    const { body } = await refresh(clientId, token);
    expect(await doors(body.access_token ?? '')).toEqual([200, 404, 404]);
    vi.setSystemTime(Date.now() + 86_400_000);
    expect((await refresh(clientId, body.refresh_token)).status).toBe(400);
  });

  it('313. hold only scopes that a person can give, and those that hand out secrets only when ticked', async () => {
    const all = 'credentials:read credentials:use credentials:release credentials:share credentials:act-as audit:read';
    const browser = await signedIn();
    const plain = await letInClient(browser, { scope: all });
    expect(plain.body.scope).toBe('credentials:read credentials:use');
    const ticked = await letInClient(browser, { scope: all }, { scope: 'credentials:release' });
    expect(ticked.body.scope?.split(' ').toSorted()).toEqual([
      'credentials:read',
      'credentials:release',
      'credentials:use',
    ]);
    const forged = await letInClient(browser, { scope: 'credentials:read' }, { scope: 'credentials:act-as' });
    expect(forged.body.scope).toBe('credentials:read');
    const narrow = await refresh(ticked.clientId, ticked.refresh, { scope: 'credentials:read' });
    const who = await principalOfAssistant(server.broker, narrow.body.access_token ?? '', `${origin}/mcp`);
    expect([...(who?.scopes ?? [])]).toEqual(['credentials:read']);
  });

  it('314. reach the chosen connections alone, and what is outside is as if it were not', async () => {
    const owner = { ...person('default', 'cas'), client: 'test' };
    const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };
    const made = await Promise.all(
      [1, 2].map(() => createCredential(server.broker, owner, input, { obtainedBy: 'rest' })),
    );
    const [inside = '', outside = ''] = made.map((one) => (one.kind === 'created' ? one.credentialId : ''));
    const chosen = { which: 'connections', connection: inside, readOnly: 'yes' };
    const { access } = await letInClient(await signedIn(owner), {}, chosen);
    expect(await doors(access, inside)).toEqual([200, 200, 200]);
    expect(await doors(access, outside)).toEqual([200, 404, 404]);
    const who = await principalOfAssistant(server.broker, access, `${origin}/mcp`);
    const { credentials } = await listCredentials(server.broker, who ?? owner, {});
    expect(credentials.map(({ credentialId }) => credentialId)).toEqual([inside]);
    expect(who).toMatchObject({
      client: expect.stringMatching(/^Test client \(assistant [0-9a-f]{8}\)$/),
      limits: { readOnly: true },
    });
    // What is not the person's can't be chosen.
    const bobs = await signedIn(bob);
    expect((await answerPage(bobs, request(await newClient()).link, 'yes', chosen)).status).toBe(422);
  });

  it('315. are not good in any altered form', async () => {
    const { access, refresh: token, clientId } = await letInClient(await signedIn());
    const [, said = '', proof = ''] = /^kwa_([^.]*)\.(.*)$/.exec(access) ?? [];
    const words = Buffer.from(said, 'base64url').toString();
    const wider = Buffer.from(`${words} credentials:release`).toString('base64url');
    const other = proof.startsWith('0') ? `1${proof.slice(1)}` : `0${proof.slice(1)}`;
    for (const forged of [`kwa_${wider}.${proof}`, `kwa_${said}.${other}`, token.replace('kwr', 'kwa')]) {
      expect(await doors(forged)).toEqual(refused);
    }
    expect((await refresh(clientId, access)).status).toBe(400);
    expect(
      (
        await refresh(
          clientId,
          token.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        )
      ).status,
    ).toBe(400);
    expect(await doors(access)).toEqual([200, 404, 404]);
  });
});

describe('around it', () => {
  it('318. any process on the vault goes on with what another one began', async () => {
    const { url, drop } = await makeDatabase();
    const env = { ...world.env, KEYWARD_STORE: url };
    const one = await startSignInServer(env);
    const two = await startSignInServer(env, { publicUrl: one.origin });
    try {
      const sent = async (path: string, form: Fields, to: SignInServer) =>
        (
          await fetch(`${to.origin}${path}`, { method: 'POST', body: new URLSearchParams(form) })
        ).json() as Promise<Fields>;
      const said = JSON.stringify({ redirect_uris: [redirectUri] });
      const json = { 'content-type': 'application/json' };
      const made = await fetch(`${one.origin}/oauth/register`, { method: 'POST', body: said, headers: json });
      const { client_id: clientId } = (await made.json()) as Record<string, string>;
      const browser = createBrowser(from);
      // The public address leads to the first; a balancer in front of both would send anything to either.
      const page = await browser.open(`${one.origin}/sign-in`);
      const { code } = await createSignInCode(two.broker, localPrincipal, ann);
      await browser.send(`${one.origin}/sign-in`, { csrf: hidden(page, 'csrf'), to: '/', code });
      const { link, verifier } = request(clientId ?? '', { resource: `${one.origin}/mcp` });
      const asked = await browser.open(link.replace(origin, one.origin));
      const back = await answer(browser, asked.url);
      const grant = { grant_type: 'authorization_code', client_id: clientId ?? '', redirect_uri: redirectUri };
      const form = { ...grant, code: back.searchParams.get('code') ?? '', code_verifier: verifier };
      const first = await sent('/oauth/token', form, two);
      const second = await sent(
        '/oauth/token',
        { grant_type: 'refresh_token', client_id: clientId ?? '', refresh_token: first.refresh_token ?? '' },
        one,
      );
      const statusOf = async ({ origin: to }: SignInServer) =>
        (await fetch(`${to}/api/credentials`, { headers: { authorization: `Bearer ${second.access_token}` } })).status;
      expect([await statusOf(one), await statusOf(two)]).toEqual([200, 200]);
      await sent('/oauth/revoke', { client_id: clientId ?? '', token: second.refresh_token ?? '' }, two).catch(
        () => {},
      );
      expect([await statusOf(one), await statusOf(two)]).toEqual([401, 401]);
    } finally {
      await two.close();
      await one.close();
      await drop();
    }
  });

  it('319. the built program does all of it, and logs no code, no token and nothing of a library', async () => {
    const keyward = await startKeywardHttp();
    try {
      const at = (path: string) => `${keyward.origin}${path}`;
      const said = JSON.stringify({ redirect_uris: [redirectUri] });
      const json = { 'content-type': 'application/json' };
      const made = await fetch(at('/oauth/register'), { method: 'POST', body: said, headers: json });
      const { client_id: clientId = '' } = (await made.json()) as Record<string, string>;
      const browser = createBrowser(from);
      const { link, verifier } = request(clientId, { resource: at('/mcp') });
      const page = await browser.open(link.replace(origin, keyward.origin));
      const code = (await keyward.cli('sign-in', '--user', 'me')).trim();
      const to = hidden(page, 'to');
      const asked = await browser.send(at('/sign-in'), { csrf: hidden(page, 'csrf'), to, code });
      const back = await answer(browser, asked.url);
      const form = {
        grant_type: 'authorization_code',
        client_id: clientId,
        code: back.searchParams.get('code') ?? '',
        redirect_uri: redirectUri,
        code_verifier: verifier,
      };
      const answered = await fetch(at('/oauth/token'), { method: 'POST', body: new URLSearchParams(form) });
      const tokens = (await answered.json()) as Record<string, string>;
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      expect((await fetch(at('/api/credentials'), { headers })).status).toBe(200);
      const exchange = {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: tokens.access_token ?? '',
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      };
      const narrow = await fetch(at('/oauth/token'), { method: 'POST', body: new URLSearchParams(exchange) });
      const { access_token: narrower = '' } = (await narrow.json()) as Record<string, string>;
      // Whoever runs Keyward sees both, and ends both with one.
      const listed = await keyward.cli('token', 'list');
      const [, id = ''] = /^(\S+) +assistant /m.exec(listed) ?? [];
      expect(listed).toContain(`made from ${id}`);
      expect(listed).toMatch(/ last used /);
      expect(await keyward.cli('token', 'revoke', id)).toBe('Revoked.\n');
      for (const token of [tokens.access_token, narrower]) {
        const { status } = await fetch(at('/api/credentials'), { headers: { authorization: `Bearer ${token}` } });
        expect(status).toBe(401);
      }
      expect(await keyward.cli('token', 'list')).not.toContain(id);
      const logged = keyward.said();
      for (const secret of [
        form.code,
        narrower,
        tokens.access_token,
        tokens.refresh_token,
        verifier,
        to.split('/').at(-1),
      ]) {
        expect(secret).toBeTruthy();
        expect(logged).not.toContain(secret);
      }
      expect(logged).not.toMatch(/oidc|warning|koa/i);
    } finally {
      await keyward.stop();
    }
  });

  it('316. no header of a client or a proxy moves a person to another address', async () => {
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
    };
    const { link } = request(await newClient());
    const response = await fetch(link, { redirect: 'manual', headers });
    expect(new URL(response.headers.get('location') ?? '', origin).origin).toBe(origin);
    expect(response.headers.getSetCookie().join()).not.toMatch(/evil|session/);
  });

  it('317. with an issuer configured nothing of it answers, and none of its tokens is good', async () => {
    const { access } = await letInClient(await signedIn());
    const names = { issuer: world.server.issuer, tenantClaim: null, userClaim: 'sub' };
    const client = { clientId: 'keyward', clientSecret: 'keyward-secret' } as never;
    const other = await startSignInServer(world.env, { issuer: { names, client } });
    try {
      const statuses = ['/oauth/authorize', '/.well-known/oauth-authorization-server', '/oauth/consent/x'].map(
        async (path) => (await fetch(`${other.origin}${path}`)).status,
      );
      expect(await Promise.all(statuses)).toEqual([404, 404, 404]);
      expect((await fetch(`${other.origin}/oauth/token`, { method: 'POST' })).status).toBe(404);
      const { status } = await fetch(`${other.origin}/api/credentials`, {
        headers: { authorization: `Bearer ${access}` },
      });
      expect(status).toBe(401);
    } finally {
      await other.close();
    }
  });
});
