/**
 * Generated calls of services: paths, headers, queries, bodies, redirects and echoes, the way somebody would write them who
 * wants a secret to leave. Real egress, real servers; the seed is printed.
 */
import fc from 'fast-check';
import type { Broker } from '../../../src/broker/broker.ts';
import { type ApiInput, callApi } from '../../../src/broker/calls/call-api.ts';
import { toPublic } from '../../../src/errors.ts';
import { localPrincipal } from '../../../src/principal.ts';
import { openInProcess } from '../in-process.ts';
import { echoForms, startEchoApi } from '../servers/echo-api.ts';
import { echoConnector, echoEnv } from '../servers/echo-connector.ts';
import { type Seen, startHttpServer } from '../servers/http-server.ts';

/** The owner is asked before anything that is written with this one, and nobody answers. */
const askedToken = 'sk-C4nary-asked-0123456789';

/** Calls that run at once. */
const together = 50;

const secrets = {
  bearer: { token: 'sk-C4nary-bearer-0123456789/+=' },
  api_key: { apiKey: 'C4nary key "in" <a> query & more' },
  basic: { username: 'ann', password: "C4nary-pässwörd 'of' basic" },
} as const;

export type Outcome = {
  readonly calls: number;
  /** Calls that a service answered. */
  readonly answered: number;
  readonly refused: number;
  /** Answers from which something was taken out. */
  readonly scrubbed: number;
  /** Requests at the server that no connector may call. */
  readonly elsewhere: readonly Seen[];
};

/** Makes so many calls; throws, with seed and the shortest example, when one of them carries a secret out. */
export async function runHostileCalls(calls: number, seed: number): Promise<Outcome> {
  const api = await startEchoApi();
  const elsewhere = await startHttpServer((_, response) => void response.end('elsewhere'));
  const echo = await echoEnv(api.origin, [elsewhere.host]);
  const keyward = await openInProcess(echo.env);
  const { broker } = keyward.usual;
  const connections: string[] = [];
  for (const [authenticationType, fields] of Object.entries(secrets)) {
    const input = { connectorId: echoConnector, authenticationType, ...fields };
    connections.push(String((await keyward.run('create_credential', input)).credentialId));
  }
  const asked = String(
    (
      await keyward.run('create_credential', {
        connectorId: echoConnector,
        authenticationType: 'bearer',
        token: askedToken,
      })
    ).credentialId,
  );
  await keyward.run('update_credential', { credentialId: asked, policy: { preset: 'askBeforeWriting' } });
  const count = { answered: 0, refused: 0, scrubbed: 0 };
  try {
    const batch = fc.array(hostileCall([...connections, ...connections, ...connections, asked], elsewhere.origin), {
      minLength: together,
      maxLength: together,
    });
    const property = fc.asyncProperty(batch, async (inputs) => {
      for (const { said, failed } of await Promise.all(inputs.map((input) => saidOf(broker, input)))) {
        count[failed ? 'refused' : 'answered'] += 1;
        if (said.includes('[redacted]')) count.scrubbed += 1;
        const leaked = readable.find((text) => said.includes(text));
        if (leaked !== undefined) throw new Error(`A secret came back as ${leaked} in ${said}`);
      }
      const astray = api.seen.find(({ url }) => !url.startsWith('/v1/'));
      if (astray) throw new Error(`A request left the base URL: ${astray.url}`);
      const unasked = api.seen.find(
        ({ method, headers }) => headers.authorization === `Bearer ${askedToken}` && !/^(GET|HEAD)$/.test(method),
      );
      if (unasked) throw new Error(`A ${unasked.method} was sent that nobody said yes to: ${unasked.url}`);
      // Kept, they would fill the memory.
      (api.seen as Seen[]).length = 0;
    });
    await fc.assert(property, { numRuns: Math.ceil(calls / together), seed });
    return { calls: Math.ceil(calls / together) * together, ...count, elsewhere: [...elsewhere.seen] };
  } finally {
    await keyward.close();
    await Promise.all([api.close(), elsewhere.close(), echo.remove()]);
  }
}

/** Every form in which somebody could read a secret. */
const readable = [...Object.values(secrets).flatMap((fields) => Object.values(fields).at(-1) ?? []), askedToken]
  .flatMap((secret) => Object.values(echoForms).flatMap((write) => write(secret)))
  .flatMap((text) => (typeof text === 'string' ? [text, JSON.stringify(text).slice(1, -1)] : []));

/** All that the caller sees. */
async function saidOf(broker: Broker, input: ApiInput): Promise<{ said: string; failed: boolean }> {
  try {
    return { said: JSON.stringify(await callApi(broker, localPrincipal, input)), failed: false };
  } catch (error) {
    const shown = toPublic(error);
    if (shown.code === 'internal') throw error;
    return { said: JSON.stringify(shown), failed: true };
  }
}

function hostileCall(connections: readonly string[], origin: string): fc.Arbitrary<ApiInput> {
  const { host } = new URL(origin);
  const target = fc.constantFrom(
    `${origin}/`,
    `//${host}/`,
    `http://${host}@x/`,
    '/v1/echo',
    '/v1/../x',
    '/',
    '/v1//x',
    `\\\\${host}`,
  );
  const piece = fc.oneof(
    fc.constantFrom(
      'a',
      'echo',
      'headers',
      'me',
      '302',
      '307',
      '500',
      'long',
      'whoami',
      '..',
      '.',
      '%2e%2e',
      '%252e',
      '..;x',
      '%2f',
    ),
    fc.constantFrom(
      '%5c',
      '\\',
      '@',
      `@${host}`,
      `//${host}`,
      '#',
      '%00',
      '%0d%0a',
      '\r\nHost: x',
      '?',
      '&',
      '%',
      ':80',
      '*',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const path = fc.oneof(
    { weight: 3, arbitrary: fc.array(piece, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`) },
    { weight: 4, arbitrary: fc.constantFrom('/echo', '/headers', '/302', '/303', '/500', '/whoami', '/x', '/long') },
    { weight: 1, arbitrary: fc.array(piece, { maxLength: 4 }).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: target },
  );
  const query = fc.record(
    {
      as: fc.constantFrom(...Object.keys(echoForms)),
      portion: fc.integer({ min: 1, max: 64 }),
      encoding: fc.constantFrom('gzip', 'deflate'),
      status: fc.constantFrom(200, 400, 403, 502),
      to: target,
      before: fc.constantFrom(0, 10, 39_990),
      api_key: fc.string({ maxLength: 4 }),
    },
    { requiredKeys: ['as'] },
  );
  const own = query.map(({ api_key: _, ...rest }) => rest);
  const name = fc.oneof(
    fc.constantFrom(
      'Host',
      'authorization',
      'Cookie',
      'X-Forwarded-Host',
      'X-Original-URL',
      'Transfer-Encoding',
      'Accept',
      'X-Own',
    ),
    fc.string({ maxLength: 8 }),
  );
  const value = fc.oneof(
    fc.constantFrom(host, 'x', 'a\r\nHost: evil', 'chunked'),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  return fc.record(
    {
      connectionId: fc.constantFrom(...connections),
      method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'),
      path,
      query: fc.oneof({ weight: 6, arbitrary: own }, { weight: 1, arbitrary: query }),
      headers: fc.oneof(
        { weight: 3, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: fc.dictionary(name, value, { maxKeys: 2 }) },
      ),
      body: fc.oneof(fc.string(), fc.constant({ a: 1 }), fc.constant(undefined)),
      offset: fc.constantFrom(0, 0, 0, 39_995),
    },
    { requiredKeys: ['connectionId', 'method', 'path'] },
  );
}
