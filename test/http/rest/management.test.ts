/** REST beyond the five documented operations: OAuth clients, the audit log, the way back, hostile bodies, OpenAPI. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stepHeader } from '../../../src/http/pages/script.ts';
import { operations } from '../../../src/http/rest/index.ts';
import { followLink } from '../../support/clients/person.ts';
import { createBrowser, linkOut } from '../../support/clients/session.ts';
import { readInterface } from '../../support/interfaces/documents.ts';
import { person } from '../../support/principals.ts';
import { startHttpServer } from '../../support/servers/http-server.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

const ann = person('acme', 'ann');
const people = new Map([
  ['ann', ann],
  ['cleo', person('other', 'cleo')],
  ['backend', person('acme', 'backend', ['credentials:act-as'])],
  ['no-audit', { ...ann, scopes: new Set([...ann.scopes].filter((scope) => scope !== 'audit:read')) }],
]);
const acme = `/connectors/${connectorId}/credentials`;

let world: World;
let rest: RestServer;
/** Two authorization servers that no connector names. */
let mine: OddServer;
let other: OddServer;

beforeAll(async () => {
  const token = { access_token: 'tok-Zk3vQ9xLm2', token_type: 'bearer', expires_in: 3_600 };
  [world, mine, other] = await Promise.all([
    startWorld(),
    startOddServer({ body: token }),
    startOddServer({ body: token }),
  ]);
  const hosts = [mine, other].map(({ origin }) => new URL(origin).host);
  const reach = { KEYWARD_EGRESS_ALLOW: [world.env.KEYWARD_EGRESS_ALLOW, ...hosts].join(',') };
  rest = await startRest({ ...world.env, ...reach }, people);
});

afterAll(async () => {
  await rest?.close();
  await Promise.all([world?.close(), mine?.close(), other?.close()]);
});

describe('auth configs', () => {
  it('are stored, listed without their secret, changed and forgotten, each for its owner only', async () => {
    const clientSecret = 'C4nary-client-secret';
    const made = await rest.send('ann', 'POST', '/auth-configs', {
      body: { connectorId: 'github', clientId: 'my-app', clientSecret },
    });
    const { authConfigId } = made.body as { authConfigId: string };
    const listed = await rest.send('ann', 'GET', '/auth-configs');
    expect(listed.body).toMatchObject({ authConfigs: [{ authConfigId, connectorId: 'github', clientId: 'my-app' }] });
    expect(listed.text).not.toContain(clientSecret);
    expect((await rest.send('cleo', 'GET', '/auth-configs')).body).toEqual({ authConfigs: [] });

    const one = `/auth-configs/${authConfigId}`;
    expect((await rest.send('cleo', 'PATCH', one, { body: { name: 'Mine' } })).status).toBe(404);
    expect((await rest.send('cleo', 'DELETE', one)).status).toBe(404);
    const renamed = await rest.send('ann', 'PATCH', one, { body: { name: 'Ours', clientSecret: 'another' } });
    expect(renamed).toMatchObject({ status: 200, body: { name: 'Ours', clientId: 'my-app' } });
    expect((await rest.send('ann', 'PATCH', one, { body: {} })).status).toBe(422);
    expect((await rest.send('ann', 'DELETE', one)).body).toEqual({ authConfigId, deleted: true });
    expect((await rest.send('ann', 'DELETE', one)).status).toBe(404);
  });
});

describe('an OAuth client of a server that the connection names', () => {
  const path = '/connectors/generic-oauth2/credentials';
  const type = { authenticationType: 'oauth2_client_credentials' };

  it.each(['ann', 'backend'])('is stored for that server by %s, and connects to it and to no other', async (who) => {
    const tokenEndpoint = `${mine.origin}/token`;
    const client = { connectorId: 'generic-oauth2', clientId: 'app', clientSecret: 'C4nary-of-one-server' };
    const unnamed = await rest.send(who, 'POST', '/auth-configs', { body: client });
    expect(unnamed).toMatchObject({ status: 422, body: { error: { loc: ['body', 'server'], type: 'missing' } } });
    const wrong = await rest.send(who, 'POST', '/auth-configs', { body: { ...client, server: 'ftp://x.example' } });
    expect(wrong).toMatchObject({ status: 422, body: { error: { loc: ['body', 'server'] } } });

    const body = { ...client, server: tokenEndpoint };
    const stored = await rest.send(who, 'POST', '/auth-configs', { body });
    expect(stored.status).toBe(200);
    const { authConfigId } = stored.body as { authConfigId: string };
    const input = { userId: who === 'backend' ? 'bob' : who, ...type, baseUrl: `${mine.origin}/v1`, tokenEndpoint };
    for (const more of [{}, { authConfigId }]) {
      const made = await rest.send(who, 'POST', path, { body: { ...input, ...more } });
      expect(made).toMatchObject({ status: 200, body: { credentialId: expect.any(String) } });
    }
    const elsewhere = { ...input, tokenEndpoint: `${other.origin}/token` };
    expect((await rest.send(who, 'POST', path, { body: elsewhere })).status).toBe(422);
    expect((await rest.send(who, 'POST', path, { body: { ...elsewhere, authConfigId } })).status).toBe(404);
    expect(other.seen).toEqual([]);
  });

  it('takes no server where the connector names it', async () => {
    const body = { connectorId: 'github', clientId: 'my-app', server: 'https://github.com' };
    const answer = await rest.send('ann', 'POST', '/auth-configs', { body });
    expect(answer).toMatchObject({ status: 422, body: { error: { loc: ['body', 'server'] } } });
  });
});

describe('the audit log', () => {
  it('is read page by page, needs audit:read, and shows the caller’s tenant only', async () => {
    for (const user of ['ann', 'cleo', 'ann']) {
      const body = { userId: user, authenticationType: 'api_key', apiKey: goodApiKey };
      expect((await rest.send(user, 'POST', acme, { body })).status).toBe(200);
    }
    expect((await rest.send('no-audit', 'GET', '/audit')).status).toBe(403);

    type Page = { events: { tenant: string; action: string }[]; nextCursor?: string };
    const whole = (await rest.send('ann', 'GET', '/audit?limit=100')).body as Page;
    const paged: unknown[] = [];
    for (let cursor: string | undefined; ; ) {
      const query = new URLSearchParams({ limit: '1', ...(cursor === undefined ? {} : { cursor }) });
      const page = (await rest.send('ann', 'GET', `/audit?${query}`)).body as Page;
      paged.push(...page.events);
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect(paged).toEqual(whole.events);
    expect(whole.events.filter(({ action }) => action === 'credential.create').length).toBeGreaterThanOrEqual(2);
    expect(new Set(whole.events.map(({ tenant }) => tenant))).toEqual(new Set(['acme']));
    expect(JSON.stringify(whole)).not.toMatch(/"(mac|prev|chain)"/);
    expect((await rest.send('ann', 'GET', '/audit?limit=0')).status).toBe(422);
  });
});

describe('the way back', () => {
  it.each([
    ['allow', /^\/done\?keep=1&credentialId=[0-9a-f-]{36}$/],
    ['deny', /^\/done\?keep=1&error=access_denied$/],
  ] as const)(
    'takes the person who chose %s to redirectUri with the outcome and nothing else',
    async (decision, expected) => {
      const app = await startHttpServer((_, response) => void response.setHeader(stepHeader, 'completed').end('app'));
      try {
        const redirectUri = `${app.origin}/done?keep=1&credentialId=made-up`;
        const body = { userId: 'ann', authenticationType: 'oauth2', redirectUri };
        const started = await rest.send('ann', 'POST', acme, { body });
        await followLink((started.body as { oauthUrl: string }).oauthUrl, { decision });
        expect(app.seen.map(({ url }) => url)).toEqual([expect.stringMatching(expected)]);
        const id = /credentialId=([^&]+)/.exec(app.seen[0]?.url ?? '')?.[1];
        if (decision === 'allow') expect((await rest.send('ann', 'GET', `/connection/${id}`)).status).toBe(200);
      } finally {
        await app.close();
      }
    },
  );
});

describe('the way back after a fault', () => {
  // None of them is a no of the person.
  it.each([
    ['the service does not know the code', { code: 'made-up' }, 'provider_refused'],
    ['the service itself failed', { error: 'server_error' }, 'provider_unavailable'],
    ['the service was not asked as it wants', { error: 'invalid_scope' }, 'provider_refused'],
  ])('has a code of its own where %s', async (_, received, code) => {
    const redirectUri = 'http://127.0.0.1:1/done?keep=1';
    const body = { userId: 'ann', authenticationType: 'oauth2', redirectUri };
    const started = await rest.send('ann', 'POST', acme, { body });
    const browser = createBrowser();
    const asked = new URL(linkOut(await browser.open((started.body as { oauthUrl: string }).oauthUrl)));
    const back = new URL(asked.searchParams.get('redirect_uri') ?? '');
    back.search = `${new URLSearchParams({ state: asked.searchParams.get('state') ?? '', ...received })}`;
    const { headers } = await browser.open(back, 0);
    expect(headers.get('location')).toBe(`${redirectUri}&error=${code}`);
  });
});

describe('hostile bodies', () => {
  const post = (raw: string, headers: Record<string, string> = {}) => rest.send('ann', 'POST', acme, { raw, headers });

  it('45. a body over the limit, or a compressed one, is refused', async () => {
    expect((await post(JSON.stringify({ userId: 'x'.repeat(300_000) }))).status).toBe(413);
    expect((await post('{}', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415);
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
    });
    const init = { method: 'POST', body: endless, duplex: 'half' } as const;
    const headers = { authorization: `Bearer ${rest.token('ann')}`, 'content-type': 'application/json' };
    const chunked = await fetch(`${rest.origin}${acme}`, { ...init, headers });
    expect(chunked.status).toBe(413);
  });

  it('47. JSON nested 100,000 levels deep is 400, and the next request is answered', async () => {
    expect((await post('[{"a":'.repeat(20_000))).status).toBe(400);
    expect((await post(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).status).toBe(400);
    expect((await post(`{"userId":"${'['.repeat(1_000)}"}`)).status).toBe(422);
    expect((await rest.send('ann', 'GET', acme)).status).toBe(200);
  });

  it('48. __proto__ and constructor keys pollute nothing', async () => {
    const polluted = '"userId":"ann","authenticationType":"api_key","apiKey":"acme_k7Qw9ZpX2vLr8TnB4yHd"';
    expect((await post(`{${polluted},"__proto__":{"polluted":1}}`)).status).toBe(400);
    expect((await post(`{${polluted},"constructor":{"prototype":{"polluted":1}}}`)).status).toBe(422);
    expect((await post(`{${polluted},"connectorId":"github"}`)).status).toBe(422);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('50. an array, a text or no JSON at all is 400', async () => {
    for (const raw of ['[]', '"x"', 'null', '{', '']) expect((await post(raw)).status).toBe(400);
  });
});

describe('openapi.json', () => {
  type Described = { content?: { 'application/json': { schema: object; example?: unknown } } };
  type Document = {
    openapi: string;
    servers: { url: string }[];
    paths: Record<
      string,
      Record<string, { operationId: string; requestBody?: Described; responses: Record<string, Described> }>
    >;
    components: { schemas: Record<string, unknown> };
  };
  const read = async () => (await rest.send(null, 'GET', '/openapi.json')).body as Document;

  it('describes every operation, its errors and its schemas, in OpenAPI 3.1, with examples that fit', async () => {
    const document = await read();
    expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: rest.origin }] });
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    ajv.addSchema(document, 'document');
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses, requestBody }]) => {
        for (const { content } of [...Object.values(responses), ...(requestBody ? [requestBody] : [])]) {
          if (content === undefined) continue;
          const { schema, example } = content['application/json'];
          const text = JSON.stringify(schema).replaceAll('"#/', '"document#/');
          const validate = ajv.compile(JSON.parse(text) as object);
          expect(validate(example) ? [] : validate.errors, `${method} ${path}`).toEqual([]);
        }
        return `${method} ${path}`;
      }),
    );
    expect(described.sort()).toEqual(operations.map(({ method, path }) => `${method} ${path}`).sort());
  });

  it('names operations and schemas as the interfaces that it follows', async () => {
    const document = await read();
    for (const name of [
      'alloy-create-credential',
      'alloy-get-connector-credentials',
      'alloy-get-credentials-metadata',
      'pathstack-connection-credentials',
    ]) {
      const theirs = (await readInterface(name)) as unknown as Document;
      for (const [path, methods] of Object.entries(theirs.paths)) {
        for (const [method, { operationId, responses }] of Object.entries(methods)) {
          const own = document.paths[path]?.[method];
          expect(own?.operationId).toBe(operationId);
          expect(Object.keys(own?.responses ?? {})).toEqual(expect.arrayContaining(Object.keys(responses)));
        }
      }
      const schemas = Object.keys(theirs.components.schemas ?? {});
      expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(schemas));
    }
  });
});
