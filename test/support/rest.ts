/** Keyward's REST routes on a real port, over the real broker and vault, for people with tokens of their own. */
import type { MiddlewareHandler } from 'hono';
import { createApp } from '../../src/http/app.ts';
import { bodyOf } from '../../src/http/rest/errors.ts';
import { restRoutes } from '../../src/http/rest/index.ts';
import type { Family, RestEnv } from '../../src/http/rest/operation.ts';
import { listen } from '../../src/http/server.ts';
import type { Principal } from '../../src/principal.ts';
import { type InProcess, openInProcess } from '../mcp/in-process.ts';
import { freePort } from './mcp-clients.ts';

export type RestServer = {
  readonly keyward: InProcess;
  readonly origin: string;
  /** One request; the body is sent as JSON. */
  send(token: string | null, method: string, path: string, options?: Sent): Promise<Answer>;
  close(): Promise<void>;
};

export type Sent = { readonly body?: unknown; readonly raw?: string; readonly headers?: Record<string, string> };
export type Answer = {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
  readonly headers: Headers;
};

/** @param people by bearer token */
export async function startRest(
  env: Readonly<Record<string, string>>,
  people: ReadonlyMap<string, Principal>,
): Promise<RestServer> {
  const keyward = await openInProcess(env);
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const app = createApp({ hosts: [host], origins: [`http://${host}`], log: keyward.usual.broker.log });
  app.route('/', restRoutes({ broker: () => keyward.usual.broker, bearer: { middleware: bearerFor(people) } }));
  const listener = await listen((request, bindings) => app.fetch(request, bindings), ['127.0.0.1'], port);
  const origin = `http://${host}`;
  return {
    keyward,
    origin,
    async send(token, method, path, { body, raw, headers = {} } = {}) {
      const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(content === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(content === undefined ? {} : { body: content }),
      });
      const text = await response.text();
      const json = response.headers.get('content-type')?.includes('json') ?? false;
      return { status: response.status, body: json ? JSON.parse(text) : undefined, text, headers: response.headers };
    },
    async close() {
      await listener.close();
      await keyward.close();
    },
  };
}

/** A bearer check over a fixed list of tokens, in the words that the interfaces document. */
function bearerFor(people: ReadonlyMap<string, Principal>) {
  return (family: Family): MiddlewareHandler<RestEnv> =>
    async (c, next) => {
      const token = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1];
      const principal = token === undefined ? undefined : people.get(token);
      if (principal === undefined) {
        const message = 'Authentication header is missing, or token is invalid/expired.';
        return c.json(bodyOf(family, 401, message) as object, 401, { 'WWW-Authenticate': 'Bearer' });
      }
      c.set('principal', principal);
      return next();
    };
}
