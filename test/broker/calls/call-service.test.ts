/** Calling services: what a caller may say, what reaches the service, and what comes back. */

import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Broker } from '../../../src/broker/broker.ts';
import { type ApiInput, callApi, maxCharacters } from '../../../src/broker/calls/call-api.ts';
import { callService } from '../../../src/broker/calls/call-service.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { verifyCredential } from '../../../src/broker/credentials/verify.ts';
import { scrubbed } from '../../../src/net/scrub/scrub.ts';
import { acme, credentialOf, principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';
import { type EchoApi, echoForms, startEchoApi } from '../../support/servers/echo-api.ts';

const apiKey = 'acme_s3cretS3cretS3cret';
const ann = principal('ann');
const bob = principal('bob');

let api: EchoApi;
let test: TestBroker;
let broker: Broker;
let connectionId: string;
let own: { connectionId: string };
beforeAll(async () => {
  api = await startEchoApi();
  test = await startBroker({ origin: api.origin });
  broker = test.broker;
});
afterAll(() => Promise.all([test.close(), api.close()]));
beforeEach(async () => {
  connectionId = await connect('api_key', { apiKey });
  own = { connectionId };
});

async function connect(authenticationType: string, fields: Record<string, string>): Promise<string> {
  const input = { connectorId: acme, authenticationType, ...fields };
  const created = await createCredential(broker, ann, input, { obtainedBy: 'rest' });
  return created.kind === 'created' ? created.credentialId : '';
}

function call(input: Partial<ApiInput>, who = ann) {
  return callApi(broker, who, { ...own, method: 'GET', path: '/anything', ...input });
}

/** The code of the refusal, after which nothing must have reached the service. */
async function refusal(input: Partial<ApiInput>, who = ann): Promise<string> {
  const before = api.seen.length;
  const code = await call(input, who).then(
    (answer) => `answered ${answer.status}`,
    (error) => error.code,
  );
  expect(api.seen.length).toBe(before);
  return code;
}

const last = () => api.seen.at(-1);
const inAnHour = () => Date.now() + 3_600_000;

describe('a call', () => {
  it('carries method, path, query, headers and JSON, and the secret where the connector wants it', async () => {
    const answer = await call({
      method: 'POST',
      path: '/items/a%2Fb',
      query: { q: 'x y', page: 2, tag: ['a', 'b'] },
      headers: { 'X-Own': 'yes' },
      body: { name: 'tea' },
    });
    expect(last()).toMatchObject({
      method: 'POST',
      url: '/v1/items/a%2Fb?q=x%20y&page=2&tag=a&tag=b',
      headers: { 'x-own': 'yes', 'x-api-key': apiKey, 'content-type': 'application/json' },
      body: '{"name":"tea"}',
    });
    expect(answer).toMatchObject({ status: 200, body: { method: 'POST' }, truncated: false });
  });

  it('sends a text as it is, and JSON in a text as JSON', async () => {
    await call({ method: 'POST', body: 'plain' });
    expect(last()).toMatchObject({ body: 'plain', headers: { 'content-type': 'text/plain; charset=utf-8' } });
    await call({ method: 'POST', body: '{"a":1}' });
    expect(last()).toMatchObject({ body: '{"a":1}', headers: { 'content-type': 'application/json' } });
    await call({ method: 'PUT', body: '<a/>', headers: { 'Content-Type': 'application/xml' } });
    expect(last()).toMatchObject({ body: '<a/>', headers: { 'content-type': 'application/xml' } });
  });

  it('says what a call takes when something of it is wrong', async () => {
    await expect(call({ method: 'POST', offset: 5 })).rejects.toMatchObject({
      code: 'invalid_input',
      hint: expect.stringContaining('call_api takes'),
    });
  });

  it('47. refuses a body that nests a hundred thousand levels, and sends nothing', async () => {
    const body: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(await refusal({ method: 'POST', body })).toBe('invalid_input');
  });

  it('is noted in the audit log before it is sent, without query and secret', async () => {
    await call({ path: `/things/${apiKey}`, query: { token: 'in-the-query' } });
    const events = (await test.audited()).filter(({ subject }) => subject === connectionId);
    expect(events.at(-1)).toMatchObject({
      action: 'credential.call',
      outcome: 'allowed',
      request: `GET ${api.host}/v1/things/${scrubbed}`,
    });
    expect(JSON.stringify(await test.audited())).not.toContain('in-the-query');
    expect(test.logged()).not.toContain(apiKey);
  });

  it('gives a failure of the service back as an answer, and with too many requests says how long to wait', async () => {
    expect(await call({ path: '/500' })).toMatchObject({ status: 500, body: `failed for ${scrubbed}` });
    const limited = await call({ path: '/429' });
    expect(limited).toMatchObject({ status: 429, headers: { 'retry-after': '7' }, body: `failed for ${scrubbed}` });
    expect(limited.hint).toMatch(/wants fewer calls\. Wait 7 s before the next call\.$/);
  });

  it('gives headers back whole, however long they are', async () => {
    const link = `<https://a.example/?cursor=${'c'.repeat(7_000)}>; rel="next"`;
    expect((await call({ path: '/says', query: { link } })).headers.link).toBe(link);
  });

  it('sends a space of a query as %20, and a plus as a plus', async () => {
    await call({ path: '/anything?a=1', query: { $filter: "Country eq 'U+K'" } });
    expect(last()?.url).toBe('/v1/anything?a=1&%24filter=Country%20eq%20%27U%2BK%27');
  });

  it('cuts a long answer where a model can bear it, and reads on', async () => {
    const long = { path: '/long', query: { before: maxCharacters - 5, after: 20 } };
    const first = await call(long);
    expect(first).toMatchObject({ truncated: true, nextOffset: maxCharacters });
    const rest = await call({ ...long, offset: maxCharacters });
    expect(rest.truncated).toBe(false);
    const whole = `${first.body}${rest.body}`;
    expect(whole).toBe(`${'x'.repeat(maxCharacters - 5)}${scrubbed}${'y'.repeat(20)}`);
    expect(await refusal({ method: 'POST', offset: 10 })).toBe('invalid_input');
  });

  it('describes binary content instead of showing it', async () => {
    const { body } = await call({ path: '/binary' });
    expect(body).toMatch(/^\[\d+ bytes of image\/png, not shown\]$/);
  });

  it('with a method that reads has no body, and with an unknown one does not happen', async () => {
    expect(await refusal({ body: 'x' })).toBe('invalid_input');
  });
});

describe('tokens', () => {
  it('a 401 renews the token and the call is repeated once', async () => {
    const { id } = await storeTokens(broker, ann, {
      accessToken: 'first-access-token',
      expiresAt: Date.now() + 3_600_000,
    });
    api.revoked.add('first-access-token');
    const answer = await call({ connectionId: id, method: 'POST', body: { a: 1 } });
    expect(answer).toMatchObject({ status: 200, body: { body: '{"a":1}' } });
    expect(last()?.headers.authorization).toMatch(/^Bearer renewed-access-token-/);
  });

  it('a challenge with invalid_token renews the token whatever the status', async () => {
    const { id } = await storeTokens(broker, ann, { accessToken: 'token-refused-by-403', expiresAt: inAnHour() });
    api.revoked.add('token-refused-by-403');
    api.refusal = { status: 403, challenge: 'Bearer error="invalid_token", error_description="expired"' };
    expect(await call({ connectionId: id })).toMatchObject({ status: 200 });
    api.refusal = { status: 401 };
  });

  it('a 403 that says nothing of the token is the answer, and costs no refresh', async () => {
    const { id } = await storeTokens(broker, ann, { accessToken: 'token-without-a-scope', expiresAt: inAnHour() });
    api.revoked.add('token-without-a-scope');
    api.refusal = { status: 403, challenge: 'Bearer error="insufficient_scope", scope="write"' };
    expect(await call({ connectionId: id })).toMatchObject({ status: 403 });
    api.refusal = { status: 401 };
    expect(last()?.url).not.toBe('/token');
  });

  it('a 401 to an upload that can not be sent again is the answer, and the next one has a new token', async () => {
    const { id: uploadsTo } = await storeTokens(broker, ann, {
      accessToken: 'token-of-an-upload',
      expiresAt: inAnHour(),
    });
    api.revoked.add('token-of-an-upload');
    const upload = async () => {
      const body = Readable.from([Buffer.from('a,b')]);
      const sent = { connectionId: uploadsTo, method: 'PUT', path: '/upload', headers: {}, body };
      const { status, discard } = await callService(broker, ann, { ...sent, reserved: 'drop' });
      await discard();
      return status;
    };
    expect(await upload()).toBe(401);
    expect(await upload()).toBe(200);
  });

  it('a 401 right after a renewal is the answer: a service that means something else costs no grant', async () => {
    const { id } = await storeTokens(broker, ann, {
      accessToken: 'second-access-token',
      expiresAt: Date.now() + 3_600_000,
    });
    api.revoked.add('second-access-token');
    await call({ connectionId: id });
    api.revoked.add(last()?.headers.authorization?.replace('Bearer ', '') ?? '');
    const before = api.seen.filter(({ url }) => url === '/token').length;
    const answer = await call({ connectionId: id });
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_token', token: scrubbed } });
    expect(api.seen.filter(({ url }) => url === '/token').length).toBe(before);
  });

  it('a 401 for a key that nothing can renew is the answer', async () => {
    const other = await connect('api_key', { apiKey: 'acme_revokedRevoked1234' });
    api.revoked.add('acme_revokedRevoked1234');
    expect(await call({ connectionId: other })).toMatchObject({ status: 401 });
  });
});

describe('headers', () => {
  const reserved = [
    ...['Host', 'Authorization', 'authorization', 'Cookie', 'Transfer-Encoding', 'Content-Length', 'Connection'],
    ...['Keep-Alive', 'TE', 'Trailer', 'Upgrade', 'Expect', 'Proxy-Authorization', 'Proxy-Connection', 'X-Api-Key'],
    ...['x_api_key', 'X-Forwarded-For', 'X-Forwarded-Host', 'Forwarded', 'Via', 'X-Real-IP', 'True-Client-IP'],
    ...['X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override', 'X-Method-Override', 'Accept-Encoding', 'Origin'],
    ...['Sec-Fetch-Site', 'CF-Connecting-IP', 'Range', 'If-Range'],
    ...['traceparent', 'tracestate', 'baggage'],
  ];
  it.each(reserved)('55. a caller can not set %s', async (name) => {
    expect(await refusal({ headers: { [name]: '1' } })).toBe('invalid_input');
  });

  it('55. a header is not given twice in two spellings, and holds nothing that begins another one', async () => {
    expect(await refusal({ headers: { 'X-A': '1', 'x-a': '2' } })).toBe('invalid_input');
    for (const value of ['a\r\nhost: evil', 'a\nb', 'a\0b', 'ü€']) {
      expect(await refusal({ headers: { 'x-a': value } })).toBe('invalid_input');
    }
    for (const name of ['x a', 'x:a', 'x\r\na', '', 'authorization ', ' authorization']) {
      expect(await refusal({ headers: { [name]: '1' } })).toBe('invalid_input');
    }
  });

  it('60. cookies and hop-by-hop headers of an answer, those that it names itself too, stay behind', async () => {
    const { headers, body } = await call({ path: '/headers' });
    expect(headers).toMatchObject({ 'x-kept': 'yes', 'x-your-key': scrubbed });
    for (const name of ['set-cookie', 'connection', 'keep-alive', 'transfer-encoding', 'x-hop']) {
      expect(headers, name).not.toHaveProperty(name);
    }
    expect(JSON.stringify(body)).not.toContain(apiKey);
  });
});

describe('paths', () => {
  const bad = [
    ...[
      '//evil.example/x',
      '/\\evil.example',
      '\\\\evil.example',
      '@evil.example/',
      '.evil.example/',
      ':80@evil.example/',
    ],
    ...[
      'https://evil.example/',
      'javascript:evil',
      '',
      ' /x',
      '/a b',
      '/a\tb',
      '/a\r\nHost: evil',
      '/a\0',
      '/ü',
      '/a#b',
      '#',
    ],
    ...['/..', '/../x', '/a/../../x', '/.', '/./x', '/%2e%2e/x', '/%2E%2e/', '/.%2e/x', '/a/%252e%252e/x', '/..;/x'],
    ...['/..%2fx', '/a%2f..%2fx', '/a%5c..%5cx', '/%2fevil.example', '/%5cevil.example', '/%252fevil.example'],
    ...[
      '/a%00b',
      '/a%0d%0ab',
      '/a%',
      '/a%2',
      '/a%zz',
      '/%ff',
      '/%c0%ae%c0%ae/x',
      '/%ef%bc%8e%ef%bc%8e/x',
      '/x'.repeat(5_000),
    ],
  ];
  it.each(bad)('56. %j is refused before anything is sent', async (path) => {
    expect(await refusal({ path })).toBe('invalid_input');
  });

  it('is understood without its first slash, and as a whole URL of the same host', async () => {
    for (const path of ['things/1?a=b', `http://${api.host}/v1/things/1?a=b`, `HTTP://${api.host}/v1/things/1?a=b`]) {
      await call({ path });
      expect(last()).toMatchObject({ url: '/v1/things/1?a=b', headers: { host: api.host } });
    }
    await call({ path: `http://${api.host}/v1` });
    expect(last()).toMatchObject({ url: '/v1/' });
  });

  it('56. a whole URL of another host, scheme, port, user or base path is refused, and so are its dot segments', async () => {
    const urls = [
      `https://${api.host}/v1/me`,
      `http://${api.host}1/v1/me`,
      `http://${api.host}.evil.example/v1/me`,
      `http://ann@${api.host}/v1/me`,
      `http://evil.example@${api.host}/v1/me`,
      `http://evil.example/http://${api.host}/v1/me`,
      `http://${api.host}\\@evil.example/v1/me`,
      ...['/v2/me', '/v11/me', '/V1/me', '/v1%2fme', '/v1/../v2/me', '/v1/%2e%2e/v2/me', '/v1//evil.example'].map(
        (path) => `http://${api.host}${path}`,
      ),
    ];
    for (const path of urls) expect(await refusal({ path }), path).toBe('invalid_input');
  });

  it('56. escapes within thousands of escapes are refused, instead of holding up everybody else', async () => {
    expect(await refusal({ path: `/a%${'25'.repeat(3_900)}` })).toBe('invalid_input');
    await call({ path: '/a%252525' });
    expect(last()).toMatchObject({ url: '/v1/a%252525' });
  });

  it.each([
    '/me',
    '/',
    '/a@evil.example/',
    '/a%2Fb/c',
    '/a;v=1/b',
    '/a:b',
    '/~x/*',
    '/a//b',
    '/...',
    '/a/..b',
    '/%40evil',
  ])('56. %j stays below the base URL, as it is written', async (path) => {
    await call({ path });
    expect(last()).toMatchObject({ url: `/v1${path}`, headers: { host: api.host } });
  });

  it.each([
    '/a?_method=DELETE',
    '/a?x=1&_Method=put',
    '/a?x=1;_method=DELETE',
    '/a?%5fmethod=DELETE',
    '/a?_method[]=DELETE',
    '/a?_HttpMethod=PATCH',
    '/a?$httpMethod=PATCH',
    '/a?x-http-method-override=DELETE',
    '/a?+_method=DELETE',
  ])('the parameter of %s can not have the service take another method than the one that was checked', async (path) => {
    expect(await refusal({ path })).toBe('invalid_input');
  });

  it('nor can one of the query', async () => {
    expect(await refusal({ path: '/a', query: { x: 1, _method: 'DELETE' } })).toBe('invalid_input');
  });

  it('a parameter that only sounds like that is sent', async () => {
    await call({ path: '/a?method=flickr.test.echo&payment_method=card&http_status=1' });
    expect(last()?.url).toBe('/v1/a?method=flickr.test.echo&payment_method=card&http_status=1');
  });

  it('a query in the path is one too, and none can set the parameter that carries the secret', async () => {
    await call({ path: '/a?x=1', query: { y: '2' } });
    expect(last()?.url).toBe('/v1/a?x=1&y=2');
  });
});

describe('redirects', () => {
  it('54. below the base URL are followed as calls of their own', async () => {
    const answer = await call({ path: '/302', query: { to: '/v1/there?a=1' } });
    expect(answer).toMatchObject({ status: 200, body: { url: '/v1/there?a=1' } });
    const { request } = (await test.audited()).at(-1) ?? {};
    expect(request).toBe(`GET ${api.host}/v1/there`);
  });

  it('54. to anywhere else are answered and not followed: no credential follows', async () => {
    const other = await startEchoApi();
    for (const to of [
      `${other.origin}/v1/x`,
      `${api.origin}/v2/x`,
      '//evil.example/v1/',
      '/',
      'https://[::1]/v1/x',
      '/v1/../x',
    ]) {
      const before = api.seen.length;
      const answer = await call({ path: '/302', query: { to } });
      expect(answer.status, to).toBe(302);
      expect(api.seen.length, to).toBe(before + 1);
    }
    expect(other.seen).toEqual([]);
    await other.close();
  });

  it('54. of a call that acts are answered and not followed', async () => {
    const before = api.seen.length;
    expect(await call({ method: 'POST', path: '/307', query: { to: '/v1/there' } })).toMatchObject({ status: 307 });
    expect(api.seen.length).toBe(before + 1);
  });

  it('54. that never end do', async () => {
    const chain = (left: number): string =>
      left === 0 ? '/v1/end' : `/v1/302?to=${encodeURIComponent(chain(left - 1))}`;
    expect(await call({ path: chain(5).slice(3) })).toMatchObject({ status: 200 });
    expect(await call({ path: chain(6).slice(3) })).toMatchObject({ status: 302 });
  });
});

describe('echoes', () => {
  const secrets = { api_key: { apiKey }, basic: { username: 'ann', password: 'p&ss "w/rd" <é>+=' } };
  const cases = Object.entries(secrets).flatMap(([type, fields]) =>
    Object.keys(echoForms).map((form) => ({ type, fields, form })),
  );

  it.each(cases)(
    '57. the secret of $type, given back as $form, is scrubbed, split across chunks too',
    async ({ type, fields, form }) => {
      const id = await connect(type, fields);
      const secret = Object.values(fields).at(-1) ?? '';
      for (const query of [
        { as: form },
        { as: form, portion: 5 },
        { as: form, encoding: 'gzip' },
        { as: form, status: 403 },
      ]) {
        const answer = await call({ connectionId: id, path: '/echo', query });
        const shown = JSON.stringify(answer);
        // In UTF-16 what stands in its place is read as other letters.
        if (!form.startsWith('utf-16')) expect(shown, JSON.stringify(query)).toContain(scrubbed);
        expect(JSON.stringify(answer.body)).not.toContain(JSON.stringify(secret).slice(1, -1));
        for (const write of Object.values(echoForms)) {
          const text = write(secret);
          if (typeof text === 'string') expect(shown.includes(JSON.stringify(text).slice(1, -1)), text).toBe(false);
        }
      }
    },
  );

  it('58. 59. an endless answer and one that grows when it is decoded are cut, and Keyward goes on', async () => {
    await expect(call({ path: '/endless' })).rejects.toMatchObject({ code: 'egress_too_large' });
    expect(await call({})).toMatchObject({ status: 200 });
  });
});

describe('shares', () => {
  it('12. a use share calls the service and never sees the secret; withdrawn, the next call is refused', async () => {
    await shareConnection(broker, ann, { connectionId, with: 'user:bob', permission: 'use' });
    const answer = await call({ path: '/echo' }, bob);
    expect(answer).toMatchObject({ status: 200, body: scrubbed });
    expect(last()?.headers['x-api-key']).toBe(apiKey);
    expect(await refusal({ method: 'DELETE' }, bob)).toBe('forbidden');
    await shareConnection(broker, ann, { connectionId, with: 'user:bob', permission: 'none' });
    expect(await refusal({}, bob)).toBe('not_found');
  });

  it('68. a password that can be guessed is shared to be seen only, also where it was shared for use before', async () => {
    const password = 'Sunshine2024!';
    const id = await connect('basic', { username: 'ann', password });
    const shared = { connectionId: id, with: 'user:bob' };
    /** Keeps guesses at the service and reads them back: the line that was taken out is the password. */
    const guessed = async () => {
      const guesses = ['Sunshine2023!', 'Sunshine2024!', 'Sunshine2025!'];
      const { body } = (await call({ connectionId: id, path: '/notes', query: { guesses } }, bob)) as {
        body: { url: string };
      };
      const back = new URL(body.url, api.origin).searchParams.getAll('guesses');
      return guesses.filter((_, at) => back[at] === scrubbed);
    };
    const refusedShare = shareConnection(broker, ann, { ...shared, permission: 'use' }).then(guessed);
    await expect(refusedShare).rejects.toMatchObject({
      code: 'forbidden',
      hint: expect.stringContaining('random password'),
    });
    await shareConnection(broker, ann, { ...shared, permission: 'view' });
    const stored = await credentialOf(broker, ann, id);
    const shares = [{ with: 'user:bob', permission: 'use' as const }];
    await broker.vault.commit([{ op: 'update', kind: 'credential', record: { ...stored, shares } }]);
    await expect(guessed()).rejects.toMatchObject({ code: 'forbidden' });
    await expect(verifyCredential(broker, bob, { credentialId: id })).rejects.toMatchObject({ code: 'forbidden' });
    expect(await call({ connectionId: id, path: '/echo' })).toMatchObject({ status: 200, body: scrubbed });
  });

  it('12. a view share, and a token without the scope, call nothing', async () => {
    await shareConnection(broker, ann, { connectionId, with: 'user:bob', permission: 'view' });
    expect(await refusal({}, bob)).toBe('forbidden');
    expect(await refusal({}, { ...ann, scopes: new Set(['credentials:read', 'credentials:release']) })).toBe(
      'insufficient_scope',
    );
    expect(await refusal({}, principal('carol'))).toBe('not_found');
  });
});
