/** The documented REST interfaces: requests and answers are held against the vendors' own texts. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tools } from '../../../src/mcp/tools/index.ts';
import { answerValidator, readInterface, requestValidator } from '../../support/interfaces/documents.ts';
import { person } from '../../support/principals.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../../support/world.ts';

const people = new Map([
  ['ann', person('acme', 'ann')],
  ['bob', person('acme', 'bob')],
  ['cleo', person('other', 'cleo')],
  ['backend', person('acme', 'backend', ['credentials:act-as'])],
  ['reader', { tenant: 'acme', user: 'ann', scopes: new Set(['credentials:read'] as const) }],
]);

const list = await readInterface('alloy-get-connector-credentials');
const metadata = await readInterface('alloy-get-credentials-metadata');
const create = await readInterface('alloy-create-credential');
const pathstack = await readInterface('pathstack-connection-credentials');

const credentials = '/connectors/{connectorId}/credentials';
const secret = '/connection/{connection_id}/credentials';
const acme = `/connectors/${connectorId}/credentials`;

let world: World;
let rest: RestServer;
/** What every challenge ends with. */
const whereToSignIn = () => `resource_metadata="${rest.origin}/.well-known/oauth-protected-resource/mcp"`;

beforeAll(async () => {
  world = await startWorld();
  rest = await startRest({ ...world.env, KEYWARD_SHARE_TENANTS: 'acme>other' }, people);
});

afterAll(async () => {
  await rest?.close();
  await world?.close();
});

/** Says what is wrong when it does not fit. */
function fits(validate: ValidateFunction, value: unknown): void {
  expect(validate(value) ? [] : validate.errors).toEqual([]);
}

async function connect(user: string, fields: Record<string, unknown> = {}): Promise<string> {
  const body = { userId: user, authenticationType: 'api_key', apiKey: goodApiKey, ...fields };
  const answer = await rest.send(user, 'POST', acme, { body });
  expect(answer.status).toBe(200);
  return (answer.body as { credentialId: string }).credentialId;
}

/** A GET with these very headers, in this order and as often. */
async function rawOf(path: string, headers: readonly (readonly [string, string])[]) {
  const { hostname, port } = new URL(rest.origin);
  const sent = request({
    host: hostname,
    port,
    path,
    agent: false,
    headers: ['host', `${hostname}:${port}`, ...headers.flat()],
  });
  const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return { status: response.statusCode, body: JSON.parse(text) as unknown };
}

describe('Alloy', () => {
  it('creates a credential and answers its id and nothing else', async () => {
    const body = { userId: 'ann', authenticationType: 'api_key', apiKey: goodApiKey };
    fits(requestValidator(create, credentials, 'post'), body);
    const answer = await rest.send('ann', 'POST', acme, { body });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ credentialId: expect.any(String) });
    fits(answerValidator(create, credentials, 'post', 200), answer.body);
  });

  it('answers an oauthUrl and nothing else where a person has to consent', async () => {
    const body = { userId: 'ann', authenticationType: 'oauth2', redirectUri: 'http://localhost:3000' };
    const answer = await rest.send('ann', 'POST', acme, { body });
    expect(answer.body).toEqual({ oauthUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/connect\//) });
    fits(answerValidator(create, credentials, 'post', 200), answer.body);
  });

  it('lists all that the user owns for the connector, in the documented fields, and nothing shared', async () => {
    const ids: string[] = [];
    for (let one = 0; one < 3; one += 1) ids.push(await connect('cleo'));
    const foreign = await connect('ann');
    await rest.send('ann', 'PUT', `/connection/${foreign}/shares`, {
      body: { with: 'tenant:other', permission: 'use' },
    });
    const answer = await rest.send('cleo', 'GET', acme);
    fits(answerValidator(list, credentials, 'get', 200), answer.body);
    const rows = (answer.body as { credentials: Record<string, unknown>[] }).credentials;
    expect(rows.map(({ credentialId }) => credentialId)).toEqual(ids);
    expect(rows[0]).toEqual({
      credentialId: ids[0],
      name: "Cleo's Acme Credential",
      connectorId,
      authenticationType: 'api_key',
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
  });

  it('answers a form for every authentication type, whose sample fits its own schema', async () => {
    const answer = await rest.send('ann', 'GET', `${acme}/metadata`);
    fits(answerValidator(metadata, `${credentials}/metadata`, 'get', 200), answer.body);
    const forms = (answer.body as { metadata: { inputSchema: object; sampleInput: object }[] }).metadata;
    expect(forms).toHaveLength(4);
    for (const { inputSchema, sampleInput } of forms) {
      const ajv = new Ajv2020({ strict: false });
      addFormats.default(ajv);
      fits(ajv.compile(inputSchema), sampleInput);
    }
  });

  it('takes the one version that it knows, or none; another one is 400', async () => {
    expect((await rest.send('ann', 'GET', acme, { headers: { 'x-api-version': '2025-09' } })).status).toBe(200);
    const answer = await rest.send('ann', 'GET', acme, { headers: { 'x-api-version': '2031-01' } });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 400, message: expect.any(String) } } });
  });

  it.each([
    ['userId', { authenticationType: 'api_key', apiKey: goodApiKey }],
    ['authenticationType', { userId: 'ann', apiKey: goodApiKey }],
    ['apiKey', { userId: 'ann', authenticationType: 'api_key' }],
    ['redirectUri', { userId: 'ann', authenticationType: 'oauth2' }],
  ])('answers 422 that names a missing %s', async (field, body) => {
    const answer = await rest.send('ann', 'POST', acme, { body });
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({
      error: {
        code: 422,
        message: expect.stringContaining(field),
        loc: ['body', field],
        msg: 'Field required',
        type: 'missing',
      },
    });
    fits(answerValidator(pathstack, secret, 'get', 422), answer.body);
  });

  it('answers 404 for an unknown connector and 401 without a bearer token', async () => {
    const unknown = await rest.send('ann', 'GET', '/connectors/nowhere/credentials');
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: 404 } } });
    const anonymous = await rest.send(null, 'GET', acme);
    expect(anonymous).toMatchObject({ status: 401, body: { error: { code: 401 } } });
    expect(anonymous.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  it('5. a userId or x-alloy-userid of another person is 403, unless the caller may act for others', async () => {
    const body = { userId: 'bob', authenticationType: 'api_key', apiKey: goodApiKey };
    expect(await rest.send('ann', 'POST', acme, { body })).toMatchObject({
      status: 403,
      body: { error: { code: 403 } },
    });
    expect((await rest.send('ann', 'GET', acme, { headers: { 'x-alloy-userid': 'bob' } })).status).toBe(403);

    const made = await rest.send('backend', 'POST', acme, { body });
    const seen = await rest.send('backend', 'GET', acme, { headers: { 'x-alloy-userid': 'bob' } });
    expect(made.status).toBe(200);
    expect(seen.text).toContain((made.body as { credentialId: string }).credentialId);
    expect((await rest.send('backend', 'GET', acme)).body).toEqual({ credentials: [] });
  });
});

describe('PathStack', () => {
  it('hands the owner the credentials of a connection', async () => {
    const id = await connect('ann');
    const answer = await rest.send('ann', 'GET', `/connection/${id}/credentials`);
    expect(answer).toMatchObject({
      status: 200,
      body: { data: { connection_id: id, credentials: { apiKey: goodApiKey } } },
    });
    fits(answerValidator(pathstack, secret, 'get', 200), answer.body);
  });

  it('7. answers a stranger’s id as it answers a missing one: 404 that repeats the id and nothing else', async () => {
    const id = await connect('ann');
    for (const asked of [id, randomUUID(), '00000000-0000-0000-0000-000000000000', id.toUpperCase()]) {
      for (const path of ['/credentials', '']) {
        const answer = await rest.send('cleo', 'GET', `/connection/${asked}${path}`);
        expect(answer.status).toBe(404);
        expect(answer.body).toEqual({ error: { code: 404, message: `Connection with ID ${asked} not found` } });
        fits(answerValidator(pathstack, secret, 'get', 404), answer.body);
      }
    }
  });

  it('12. shows a connection to those it is shared with, and answers 403 when they read the secret', async () => {
    const id = await connect('ann');
    const share = await rest.send('ann', 'PUT', `/connection/${id}/shares`, {
      body: { with: 'user:bob', permission: 'view' },
    });
    expect(share.body).toMatchObject({
      data: { connection_id: id, shares: [{ with: 'user:bob', permission: 'view' }] },
    });
    const shown = await rest.send('bob', 'GET', `/connection/${id}`);
    expect(shown.body).toMatchObject({ data: { connection_id: id, access: 'view', connector_id: connectorId } });
    expect(shown.text).not.toContain('shares');
    const refused = await rest.send('bob', 'GET', `/connection/${id}/credentials`);
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 403 } } });
    expect(refused.text).not.toContain(goodApiKey);
    fits(answerValidator(pathstack, secret, 'get', 403), refused.body);
    expect((await rest.send('bob', 'DELETE', `/connection/${id}`)).status).toBe(403);
    expect((await rest.send('bob', 'PATCH', `/connection/${id}`, { body: { name: 'x' } })).status).toBe(403);
  });

  it('13. answers 422 with loc, msg and type for what is no id', async () => {
    for (const asked of ['..%2f..', 'x', '%252e%252e', '1%002', '%zz']) {
      const answer = await rest.send('ann', 'GET', `/connection/${asked}/credentials`);
      expect(answer).toMatchObject({ status: 422, body: { error: { code: 422, loc: ['path', 'connection_id'] } } });
      fits(answerValidator(pathstack, secret, 'get', 422), answer.body);
    }
  });

  it('takes the one version that it knows: another date is 400, what is no date 422', async () => {
    const path = `/connection/${await connect('ann')}/credentials`;
    const asked = async (version: string) => rest.send('ann', 'GET', path, { headers: { 'x-api-version': version } });
    expect((await asked('2024-03-27')).status).toBe(200);
    const unknown = await asked('2031-01-01');
    expect(unknown.status).toBe(400);
    fits(answerValidator(pathstack, secret, 'get', 400), unknown.body);
    const malformed = await asked('newest');
    expect(malformed).toMatchObject({ status: 422, body: { error: { loc: ['header', 'x-api-version'] } } });
    fits(answerValidator(pathstack, secret, 'get', 422), malformed.body);
  });

  it('names the missing scope in its 403 beside those that the token has, as RFC 6750 has it', async () => {
    const id = await connect('ann');
    const answer = await rest.send('reader', 'GET', `/connection/${id}/credentials`);
    expect(answer.status).toBe(403);
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer error="insufficient_scope", scope="credentials:read credentials:release", ${whereToSignIn()}`,
    );
    fits(answerValidator(pathstack, secret, 'get', 403), answer.body);
  });

  it('renames and deletes for the owner', async () => {
    const id = await connect('ann');
    const renamed = await rest.send('ann', 'PATCH', `/connection/${id}`, { body: { name: 'Main' } });
    expect(renamed.body).toMatchObject({ data: { name: 'Main', access: 'owner' } });
    const deleted = await rest.send('ann', 'DELETE', `/connection/${id}`);
    const detail = expect.stringContaining('The person ends it there');
    expect(deleted.body).toEqual({ data: { connection_id: id, deleted: true, revocation: 'not_supported', detail } });
    expect((await rest.send('ann', 'GET', `/connection/${id}`)).status).toBe(404);
  });
});

describe('a token that is not accepted', () => {
  const asked = (authorization: string, path: string) => rest.send(null, 'GET', path, { headers: { authorization } });

  it('is 400 at PathStack when it can be none, and 401 when it is wrong or missing, in the documented words', async () => {
    const path = `/connection/${await connect('ann')}/credentials`;
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jwt = `${part({ alg: 'ES256' })}.${part({ sub: 'ann' })}.c2ln`;
    const halves = ['abc', 'a.b.c', `${part({ alg: 'ES256' })}.${part('ann')}.c2ln`, `${part({})}.c2ln`, `x${jwt}`];
    const noBearers = [
      '',
      'Bearer',
      'Bearer ',
      'Bearer a b',
      'Basic YW5uOng=',
      'Bearer {token}',
      'x',
      `${jwt}, ${jwt}`,
    ];
    for (const malformed of [...noBearers, ...halves.map((token) => `Bearer ${token}`)]) {
      const answer = await asked(malformed, path);
      expect([answer.status, answer.headers.get('www-authenticate')], malformed).toEqual([
        400,
        `Bearer error="invalid_request", scope="credentials:release", ${whereToSignIn()}`,
      ]);
      expect(answer.body).toEqual({ error: { code: 400, message: 'Invalid JWT format' } });
      fits(answerValidator(pathstack, secret, 'get', 400), answer.body);
    }
    for (const wrong of [`Bearer ${jwt}`, 'Bearer kw_x', `Bearer ${rest.token('ann')}x`, null]) {
      const answer = wrong === null ? await rest.send(null, 'GET', path) : await asked(wrong, path);
      expect(answer.headers.get('www-authenticate')).toBe(
        `Bearer ${wrong === null ? '' : 'error="invalid_token", '}scope="credentials:release", ${whereToSignIn()}`,
      );
      expect(answer).toMatchObject({
        status: 401,
        body: {
          error: { code: 401, message: 'Authentication header is missing, or token is invalid/expired.' },
        },
      });
      fits(answerValidator(pathstack, secret, 'get', 401), answer.body);
    }
  });

  it.each([
    ['Alloy', () => acme, { error: { code: 401, message: expect.any(String) } }],
    ['Fishnet', () => '/api/credentials', { error: expect.any(String) }],
  ])('is 401 at %s whatever is wrong with it', async (_, path, body) => {
    for (const wrong of ['Bearer', 'Basic YW5uOng=', 'Bearer kw_x', `Bearer ${rest.token('ann')}x`]) {
      const answer = await asked(wrong, path());
      expect(answer).toMatchObject({ status: 401, body });
      expect(Object.keys(answer.body as object)).toEqual(['error']);
    }
  });
});

describe('the header of a version or of a user', () => {
  const asked = (path: string, ...headers: [string, string][]) =>
    rawOf(path, [['authorization', `Bearer ${rest.token('backend')}`], ...headers]);

  it('is the version that it names once or several times, and none where it is empty', async () => {
    for (const values of [[''], ['2025-09', '2025-09'], ['2025-09, 2025-09'], ['', '']]) {
      const headers = values.map((value): [string, string] => ['x-api-version', value]);
      expect((await asked(acme, ...headers)).status, values.join('|')).toBe(200);
    }
    const mixed = await asked(acme, ['x-api-version', '2025-09'], ['X-Api-Version', '2031-01']);
    expect(mixed).toMatchObject({ status: 400, body: { error: { code: 400 } } });
    const empty = await asked(`/connection/${randomUUID()}`, ['x-api-version', '']);
    expect(empty.status).toBe(404);
  });

  it('names any user, in any script: what is created for one is listed for that one', async () => {
    for (const user of ['用户', 'Žofie Ångström', '👩', 'a, b', 'x'.repeat(500)]) {
      const body = { userId: user, authenticationType: 'api_key', apiKey: goodApiKey };
      const made = await rest.send('backend', 'POST', acme, { body });
      expect(made.status, user).toBe(200);
      const listed = await asked(acme, ['x-alloy-userid', Buffer.from(user).toString('latin1')]);
      const rows = (listed.body as { credentials: { credentialId: string }[] }).credentials;
      expect(rows.map(({ credentialId }) => credentialId)).toEqual([
        (made.body as { credentialId: string }).credentialId,
      ]);
    }
  });

  it('is 422 for a name that nobody has: spaces around it, control characters, other bytes than UTF-8, nothing', async () => {
    for (const user of [
      ' bob',
      'bob ',
      'b\u0000ob',
      'bob\n',
      '\u200bbob',
      'b\u202eob',
      '\ud800',
      '',
      'x'.repeat(501),
    ]) {
      const body = { userId: user, authenticationType: 'api_key', apiKey: goodApiKey };
      const answer = await rest.send('backend', 'POST', acme, { body });
      expect(answer, JSON.stringify(user)).toMatchObject({ status: 422, body: { error: { loc: ['body', 'userId'] } } });
    }
    for (const value of ['', '\xff', Buffer.from('b\u202eob').toString('latin1'), 'b\tob']) {
      const answer = await asked(acme, ['x-alloy-userid', value]);
      const loc = ['header', 'x-alloy-userid'];
      expect(answer, JSON.stringify(value)).toMatchObject({ status: 422, body: { error: { loc } } });
    }
  });

  it('146. names a user once: a second one is refused, also where both are the same, and so is a second token', async () => {
    for (const [first, second] of [
      ['bob', 'ann'],
      ['bob', 'bob'],
      ['bob', ''],
    ] as const) {
      const answer = await asked(acme, ['x-alloy-userid', first], ['X-Alloy-UserId', second]);
      expect(answer).toMatchObject({ status: 422, body: { error: { loc: ['header', 'x-alloy-userid'] } } });
    }
    const tokens = ['ann', 'backend'].map((name): [string, string] => ['authorization', `Bearer ${rest.token(name)}`]);
    expect((await rawOf(acme, tokens)).status).toBe(401);
    const same = await asked(acme, ['authorization', `Bearer ${rest.token('backend')}`]);
    expect(same.status).toBe(401);
  });
});

describe('what is wrong with a request', () => {
  const create = { userId: 'ann', authenticationType: 'api_key', apiKey: goodApiKey };

  it('is told with the place of the first thing: numbers of list entries, the parent of an unknown field, its own part', async () => {
    const path = `/connection/${await connect('ann')}`;
    const long = 'x'.repeat(501);
    const cases = [
      ['POST', acme, { ...create, connectorId }, ['body', 'connectorId'], 'connectorId is in the path'],
      ['POST', acme, { ...create, userId: 3 }, ['body', 'userId'], 'userId must be a string'],
      ['POST', acme, { ...create, userId: long }, ['body', 'userId'], 'userId must be at most 500 characters'],
      [
        'PATCH',
        path,
        { policy: { methods: ['GET', 1] } },
        ['body', 'policy', 'methods', 1],
        'policy.methods.1 must be a string',
      ],
      ['PATCH', path, { policy: { hosts: [] } }, ['body', 'policy', 'hosts'], 'policy.hosts is not a field here'],
      ['PATCH', path, { nmae: 'x' }, ['body', 'nmae'], 'nmae is not a field here'],
      ['PUT', `${path}/shares`, { with: 'user:bob' }, ['body', 'permission'], 'Field required'],
      [
        'PUT',
        `${path}/shares`,
        { with: 'user:bob', permission: 'own' },
        ['body', 'permission'],
        'permission must be one of view, use, none',
      ],
      ['GET', '/audit?limit=x', undefined, ['query', 'limit'], 'limit must be a number'],
    ] as const;
    for (const [method, to, body, loc, msg] of cases) {
      const answer = await rest.send('ann', method, to, body === undefined ? {} : { body });
      const type = msg === 'Field required' ? 'missing' : 'value_error';
      expect(answer, `${method} ${to} ${msg}`).toMatchObject({ status: 422, body: { error: { loc, msg, type } } });
      fits(answerValidator(pathstack, secret, 'get', 422), answer.body);
    }
  });

  it('is told in the names of REST: addresses and their fields, no tools', async () => {
    const path = `/connection/${await connect('ann')}`;
    const missing = `/connection/${randomUUID()}`;
    const wrong = [
      ['POST', acme, { ...create, apikey: 'x' }],
      ['POST', acme, { ...create, authenticationType: 'apikey' }],
      ['POST', acme, { ...create, credentialId: randomUUID() }],
      ['POST', acme, { ...create, authConfigId: 'x' }],
      ['POST', acme, { ...create, redirectUri: 'x' }],
      ['POST', '/auth-configs', { connectorId: 'nowhere-at-all', clientId: 'x' }],
      ['PATCH', '/auth-configs/x', { name: 'x' }],
      ['GET', '/connectors/nowhere-at-all/credentials', undefined],
      ['GET', '/connectors?category=nothing', undefined],
      ['GET', '/connectors?cursor=x', undefined],
      ['PATCH', path, {}],
      ['PATCH', path, { policy: { methods: [] } }],
      ['PATCH', '/connection/x', { name: 'x' }],
      ['DELETE', '/connection/x', undefined],
      ['GET', '/connection/x/credentials', undefined],
      ['GET', missing, undefined],
      ['PUT', `${path}/shares`, { with: 'x', permission: 'view' }],
      ['PUT', `${path}/shares`, { with: 'user:ann', permission: 'view' }],
      ['PUT', '/connection/x/shares', { with: 'x', permission: 'view' }],
    ] as const;
    const names = new RegExp(`\\b(${[...tools.keys()].join('|')})\\b`);
    for (const [method, to, body] of wrong) {
      const answer = await rest.send('ann', method, to, body === undefined ? {} : { body });
      expect([404, 422], `${method} ${to}`).toContain(answer.status);
      expect(answer.text, `${method} ${to}`).not.toMatch(names);
      if (to.startsWith('/connection/')) expect(answer.text).not.toMatch(/connectionId|credentialId/);
    }
  });

  it('comes with what was probably meant', async () => {
    const connector = await rest.send('ann', 'GET', '/connectors/slak/credentials');
    expect(connector).toMatchObject({ status: 404, body: { error: { message: expect.stringContaining('slack') } } });
    const field = await rest.send('ann', 'POST', acme, { body: { ...create, apiKye: 'x' } });
    expect(field.text).toContain('did you mean apiKey?');
  });
});

it('lists what can be connected, page by page and by a search', async () => {
  type Page = { connectors: { connectorId: string }[]; nextCursor?: string };
  const found = (await rest.send('ann', 'GET', '/connectors?query=slack&limit=1')).body as Page;
  expect(found.connectors).toMatchObject([{ connectorId: 'slack', name: 'Slack' }]);
  const first = (await rest.send('ann', 'GET', '/connectors?limit=2')).body as Page;
  const next = (await rest.send('ann', 'GET', `/connectors?limit=2&cursor=${first.nextCursor}`)).body as Page;
  expect(new Set([...first.connectors, ...next.connectors].map((one) => one.connectorId)).size).toBe(4);
  expect((await rest.send(null, 'GET', '/connectors')).status).toBe(401);
});

describe('an address where nothing is', () => {
  it.each([
    ['/connectors/x/y/z', { error: { code: 404, message: expect.any(String) } }],
    ['/connection', { error: { code: 404, message: expect.any(String) } }],
    ['/connection/x/y', { error: { code: 404, message: expect.any(String) } }],
    ['/auth-configs/x/y', { error: { code: 404, message: expect.any(String) } }],
    ['/api/x', { error: expect.any(String) }],
  ])('%s is 404 in the words of its interface', async (path, body) => {
    const answer = await rest.send('ann', 'GET', path);
    expect(answer).toMatchObject({ status: 404, body });
    expect(Object.keys(answer.body as object)).toEqual(['error']);
  });

  it('takes the methods that it has: another one is 405, and says which', async () => {
    const id = await connect('ann');
    const wrong = [
      ['PUT', acme, 'GET, HEAD, POST', { error: { code: 405 } }],
      ['POST', `/connection/${id}`, 'GET, HEAD, PATCH, DELETE', { error: { code: 405 } }],
      ['DELETE', `/connection/${id}/credentials`, 'GET, HEAD', { error: { code: 405 } }],
      ['POST', '/api/credentials', 'GET, HEAD', { error: expect.any(String) }],
    ] as const;
    for (const [method, path, allow, body] of wrong) {
      const answer = await rest.send('ann', method, path, { body: {} });
      expect(answer, path).toMatchObject({ status: 405, body });
      expect(answer.headers.get('allow')).toBe(allow);
    }
    expect((await rest.send('ann', 'HEAD', `/connection/${id}`)).status).toBe(200);
  });
});

describe('Fishnet', () => {
  const shape = {
    type: 'array',
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['id', 'service', 'name', 'created_at', 'last_used_at'],
      properties: {
        id: { type: 'string', format: 'uuid' },
        service: { type: 'string' },
        name: { type: 'string' },
        created_at: { type: 'integer', maximum: 100_000_000_000 },
        last_used_at: { type: ['integer', 'null'], maximum: 100_000_000_000 },
      },
    },
  };

  it('lists what the caller owns as a bare array, in whole seconds, null until it is used', async () => {
    const id = await connect('bob');
    const ajv = new Ajv2020();
    addFormats.default(ajv);
    const answer = await rest.send('bob', 'GET', '/api/credentials');
    fits(ajv.compile(shape), answer.body);
    const [row] = (answer.body as { id: string; last_used_at: null }[]).filter((one) => one.id === id);
    expect(row?.last_used_at).toBeNull();
    expect(answer.text).not.toContain(goodApiKey);
  });

  it('shows a use at once, and never a time before it', async () => {
    const id = await connect('bob');
    const before = Math.floor(Date.now() / 1_000);
    expect((await rest.send('bob', 'GET', `/connection/${id}/credentials`)).status).toBe(200);
    const rows = (await rest.send('bob', 'GET', '/api/credentials')).body as {
      id: string;
      last_used_at: number | null;
    }[];
    expect(rows.find((one) => one.id === id)?.last_used_at).toBeGreaterThanOrEqual(before);
    const shown = await rest.send('bob', 'GET', `/connection/${id}`);
    expect(shown.body).toMatchObject({ data: { last_used_at: expect.any(String) } });
  });

  it('says in one text that it failed, and nothing of what it keeps', async () => {
    await connect('bob');
    const { location } = rest.keyward.usual.broker.vault;
    const whole = await readFile(location);
    await writeFile(location, whole.subarray(0, whole.length - 1));
    const answer = await rest.send('bob', 'GET', '/api/credentials');
    await writeFile(location, whole);
    expect(answer).toMatchObject({ status: 500, body: { error: expect.any(String) } });
    expect(Object.keys(answer.body as object)).toEqual(['error']);
    expect((await rest.send('bob', 'GET', '/api/credentials')).status).toBe(200);
  });

  it('says what is wrong in one text', async () => {
    expect(await rest.send(null, 'GET', '/api/credentials')).toMatchObject({
      status: 401,
      body: { error: expect.any(String) },
    });
  });
});
