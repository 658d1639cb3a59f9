/** The whole service on a real port, over the real broker and vault, for people with session tokens of their own. */
import { createSession } from '../../../src/broker/sign-in/sessions.ts';
import { listen } from '../../../src/http/listener/server.ts';
import { createMetrics } from '../../../src/http/ops/metrics.ts';
import { createService } from '../../../src/http/service.ts';
import { createMcpEndpoint } from '../../../src/mcp/http.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import { freePort } from '../clients/mcp-clients.ts';
import { answerCheck, type OpenApi } from '../clients/openapi.ts';
import { type InProcess, openInProcess } from '../in-process.ts';

export type RestServer = {
  readonly keyward: InProcess;
  readonly origin: string;
  /** One more session token, with the scopes and limits of this principal. */
  letIn(name: string, principal: Principal): Promise<void>;
  /** The session token of one of the people. */
  token(name: string): string;
  /** One request of one of the people, or of nobody; the body is sent as JSON. What comes back is as `/openapi.json` says. */
  send(name: string | null, method: string, path: string, options?: Sent): Promise<Answer>;
  close(): Promise<void>;
};

export type Sent = { readonly body?: unknown; readonly raw?: string; readonly headers?: Record<string, string> };
export type Answer = {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
  readonly headers: Headers;
};

/** @param people by the name that the tests give them */
export async function startRest(
  env: Readonly<Record<string, string>>,
  people: ReadonlyMap<string, Principal>,
): Promise<RestServer> {
  const keyward = await openInProcess(env);
  const { broker } = keyward.usual;
  const tokens = new Map<string, string>();
  const letIn: RestServer['letIn'] = async (name, { tenant, user, scopes, limits }) => {
    const session = { tenant, user, scopes: [...scopes], expiresAt: null, limits };
    tokens.set(name, (await createSession(broker, localPrincipal, session)).token);
  };
  for (const [name, principal] of people) await letIn(name, principal);
  const token = (name: string): string => tokens.get(name) ?? '';
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const protocol = createMcpEndpoint(broker, '0');
  const { app, direct } = createService({
    broker,
    protocol,
    publicUrl: origin,
    hosts: [],
    issuer: null,
    signIn: null,
    metrics: createMetrics(),
    trustedProxies: [],
    rateLimit: 1_000_000,
    maxConnections: 1_000,
  });
  const listener = await listen((request, env) => app.fetch(request, env), ['127.0.0.1'], port, { direct });
  const document = await (await fetch(`${origin}/openapi.json`)).json();
  const check = answerCheck(document as OpenApi);
  return {
    keyward,
    origin,
    token,
    letIn,
    async send(name, method, path, { body, raw, headers = {} } = {}) {
      const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: {
          ...(name === null ? {} : { authorization: `Bearer ${token(name)}` }),
          ...(content === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(content === undefined ? {} : { body: content }),
      });
      const text = await response.text();
      const json = response.headers.get('content-type')?.includes('json') ?? false;
      const answer = { status: response.status, text, headers: response.headers };
      const read = json && text !== '' ? JSON.parse(text) : undefined;
      check(method, path, response.status, read);
      return { ...answer, body: read };
    },
    async close() {
      await listener.close();
      await protocol.close();
      await keyward.close();
    },
  };
}
