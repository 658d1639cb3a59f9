/** Calls over HTTP that no server of the SDK is made for: the SDK, asked the same, is what they are compared with. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMcpEndpoint } from '../../src/mcp/http.ts';
import { tools } from '../../src/mcp/tools/index.ts';
import { type InProcess, openInProcess } from '../support/in-process.ts';

let keyward: InProcess;
let endpoint: ReturnType<typeof createMcpEndpoint>;
let connectionId: string;
beforeAll(async () => {
  keyward = await openInProcess({ KEYWARD_RELEASE: 'allow' });
  endpoint = createMcpEndpoint(keyward.usual.broker, '0');
  const apiKey = 'sk-0123456789abcdef0123456789abcdef';
  const made = { connectorId: 'openai', authenticationType: 'api_key', apiKey };
  ({ credentialId: connectionId } = (await keyward.run('create_credential', made)) as { credentialId: string });
});
afterAll(async () => {
  await endpoint.close();
  await keyward.close();
});

type Era = 'modern' | 'legacy';
type Sent = { readonly headers: Record<string, string>; readonly body: Record<string, unknown> };

const revision = '2026-07-28';
const envelope = {
  'io.modelcontextprotocol/protocolVersion': revision,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'a client', version: '1' },
};

function sent(era: Era, name: string, args: unknown, meta: object = {}): Sent {
  const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const repeated = { 'mcp-protocol-version': revision, 'mcp-method': 'tools/call', 'mcp-name': name };
  const said = era === 'modern' ? structuredClone(envelope) : {};
  const params = { name, arguments: args, _meta: { ...said, ...meta } };
  return {
    headers: { ...accept, ...(era === 'modern' ? repeated : { 'mcp-protocol-version': '2025-11-25' }) },
    body: { jsonrpc: '2.0', id: 'an "id"', method: 'tools/call', params },
  };
}

const caller = () => ({ principal: keyward.usual.principal, requestId: 'r' });

/** What is answered without a server; null where that is left to the SDK. */
async function plain({ headers, body }: Sent): Promise<string | null> {
  const call = endpoint.callIn((name) => headers[name], body);
  if (call === null) return null;
  const meanwhile = { signal: keyward.usual.signal, notify: () => {} };
  const answer = await call.run(caller(), meanwhile);
  return call.streams ? `event: message\ndata: ${answer}\n\n` : answer;
}

async function bySdk({ headers, body }: Sent): Promise<{ status: number; text: string }> {
  const request = new Request('http://127.0.0.1/mcp', { method: 'POST', headers });
  const response = await endpoint.answer(request, body, caller());
  return { status: response.status, text: await response.text() };
}

/** Ids, links and times are made anew by each call. */
const lasting = (text: string) =>
  text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'id')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replaceAll(/(connect\/|state=|code_challenge=|nonce=)[\w-]+/g, '$1…');

it.each(['modern', 'legacy'] as const)(
  'every tool answers byte for byte as by the SDK, for a %s client',
  async (era) => {
    const given: Record<string, readonly object[]> = {
      list_connectors: [{}, { limit: 3 }, { limit: 'x', nope: 1 }],
      get_credential_metadata: [{ connectorId: 'github' }, { connectorId: 'none' }],
      create_credential: [{ connectorId: 'openai', authenticationType: 'api_key' }, { connectorId: 'openai' }],
      list_credentials: [{}, { limit: 1 }, { cursor: 'x' }],
      get_connection: [{ connectionId }, { credentialId: connectionId }],
      get_connection_credentials: [{ connectionId }],
      update_credential: [{ credentialId: connectionId, name: 'A “name” \u2028 \ud800' }],
      call_api: [
        { connectionId, method: 'BREW', path: '/' },
        { connectionId, method: 'GET', path: '//x' },
      ],
      share_connection: [{ connectionId, with: 'user:local', permission: 'view' }],
    };
    for (const name of tools.keys()) {
      for (const args of [...(given[name] ?? []), {}]) {
        const request = sent(era, name, args);
        const answer = await plain(request);
        const { status, text } = await bySdk(request);
        expect([200, lasting(answer ?? '')], name).toEqual([status, lasting(text)]);
      }
    }
  },
);

it('a link for a client that shows links is answered as by the SDK', async () => {
  const capabilities = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } } };
  const args = { connectorId: 'openai', authenticationType: 'api_key' };
  const request = sent('modern', 'create_credential', args, capabilities);
  const answer = await plain(request);
  expect(answer).toContain('"resultType":"input_required"');
  expect(lasting(answer ?? '')).toBe(lasting((await bySdk(request)).text));
});

/** Where a request is changed, and what is put there. */
const places = [
  ['jsonrpc'],
  ['id'],
  ['method'],
  ['params'],
  ['result'],
  ['more'],
  ['params', 'name'],
  ['params', 'arguments'],
  ['params', 'arguments', 'limit'],
  ['params', 'task'],
  ['params', 'inputResponses'],
  ['params', 'requestState'],
  ['params', '_meta'],
  ['params', '_meta', 'progressToken'],
  ['params', '_meta', 'other/field'],
  ['params', '_meta', 'io.modelcontextprotocol/related-task'],
  ['params', '_meta', 'io.modelcontextprotocol/logLevel'],
  ...Object.keys(envelope).map((key) => ['params', '_meta', key]),
  ['params', '_meta', 'io.modelcontextprotocol/clientInfo', 'name'],
  ['params', '_meta', 'io.modelcontextprotocol/clientCapabilities', 'elicitation'],
];
const values = [
  ...[undefined, null, 1, 1.5, -0, 1e300, 2 ** 53, '', 'x', [], {}, true, { a: { b: 1 } }],
  ...[revision, '2025-11-25', '2099-01-01', 'tools/call', 'tools/list', 'debug', { url: {} }, { url: 1 }],
  ...[{ ttl: 1 }, { taskId: 'x' }, 'list_connectors', 'constructor', { name: 'x', version: '1' }],
];
const headerNames = ['accept', 'mcp-protocol-version', 'mcp-method', 'mcp-name'];
const headerValues = [
  ...[undefined, '', 'x', revision, '2025-11-25', '2025-06-18', '2026-01-01', '2099-01-01', 'tools/call', 'tools/list'],
  ...['list_connectors', '=?base64?bGlzdF9jb25uZWN0b3Jz?=', '*/*', 'application/json', 'text/event-stream'],
  `${revision}, ${revision}`,
];

type Change = {
  readonly era: Era;
  readonly body: readonly (readonly [place: readonly string[], value: unknown])[];
  readonly headers: readonly (readonly [name: string, value: string | undefined])[];
};

/** Answers whether a request that was changed so is a plain call; if it is, the SDK has to say the same. */
async function compare({ era, body, headers }: Change): Promise<boolean> {
  const changed = sent(era, 'list_connectors', { limit: 1 });
  for (const [place, value] of body) put(changed.body, place, structuredClone(value));
  for (const [name, value] of headers) {
    if (value === undefined) delete changed.headers[name];
    else changed.headers[name] = value;
  }
  // As it comes over a connection.
  const read = { ...changed, body: JSON.parse(JSON.stringify(changed.body)) };
  const answer = await plain(read);
  if (answer === null) return false;
  expect({ status: 200, text: answer }, JSON.stringify(read)).toEqual(await bySdk(read));
  return true;
}

it('whatever is changed in a call, it is answered as by the SDK or left to the SDK', async () => {
  const eras = ['modern', 'legacy'] as const;
  const one = [
    ...places.flatMap((place) => values.map((value) => ({ body: [[place, value] as const], headers: [] }))),
    ...headerNames.flatMap((name) => headerValues.map((value) => ({ body: [], headers: [[name, value] as const] }))),
  ];
  let taken = 0;
  for (const era of eras) for (const change of one) taken += (await compare({ era, ...change })) ? 1 : 0;
  expect(taken).toBeGreaterThan(100);
  const changes = fc.record({
    era: fc.constantFrom(...eras),
    body: fc.array(fc.tuple(fc.constantFrom(...places), fc.oneof(fc.constantFrom(...values), fc.jsonValue())), {
      maxLength: 3,
    }),
    headers: fc.array(fc.tuple(fc.constantFrom(...headerNames), fc.constantFrom(...headerValues)), { maxLength: 1 }),
  });
  await fc.assert(
    fc.asyncProperty(changes, async (change) => void (await compare(change))),
    { numRuns: 300 },
  );
});

function put(object: Record<string, unknown>, [name = '', ...rest]: readonly string[], value: unknown): void {
  const inner = object[name];
  if (rest.length === 0) object[name] = value;
  else if (typeof inner === 'object' && inner !== null) put(inner as Record<string, unknown>, rest, value);
}

it('a call of before 2026-07-28 that says what only later ones say is left to the SDK', async () => {
  const info = { 'io.modelcontextprotocol/clientInfo': { name: 'a client', version: '1' } };
  expect(await plain(sent('legacy', 'list_connectors', {}))).not.toBeNull();
  expect(await plain(sent('legacy', 'list_connectors', {}, info))).toBeNull();
});

it('progress of a call is told under its token, in the words of the protocol', async () => {
  const told: string[] = [];
  const { attemptId } = (await keyward.run('create_credential', {
    connectorId: 'openai',
    authenticationType: 'api_key',
  })) as { attemptId: string };
  const { headers, body } = sent('modern', 'check_attempt', { attemptId, waitSeconds: 2 }, { progressToken: 'mine' });
  const call = endpoint.callIn((name) => headers[name], body);
  await call?.run(caller(), { signal: keyward.usual.signal, notify: (message) => told.push(message) });
  expect(told.length).toBeGreaterThan(0);
  expect(JSON.parse(told[0] ?? '')).toMatchObject({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 'mine', total: 2 },
  });
});
