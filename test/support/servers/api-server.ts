/**
 * A small API to call with credentials: `GET …/me` answers the account, `401` without a good credential. Access tokens
 * are checked by introspection (RFC 7662) at the authorization server.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type ApiOptions = {
  /** Authorization server whose access tokens are accepted, and a client that may introspect there. */
  readonly issuer: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Keys accepted in `x-api-key`, and `user:password` pairs accepted as Basic. */
  readonly apiKeys?: readonly string[];
  readonly passwords?: readonly string[];
};

/** A request that was answered, as the API saw it. */
export type ApiCall = { readonly path: string; readonly headers: IncomingMessage['headers']; readonly status: number };

export type Api = {
  readonly calls: readonly ApiCall[];
  /** Answers any path that ends in `/v1/me`; false for every other. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
};

export function createApi(options: ApiOptions): Api {
  const calls: ApiCall[] = [];
  return {
    calls,
    async handle(request, response) {
      const path = new URL(request.url ?? '/', 'http://api').pathname;
      if (!path.endsWith('/v1/me')) return false;
      const subject = await authenticate(request, options);
      const status = subject === null ? 401 : 200;
      calls.push({ path, headers: request.headers, status });
      const body = subject === null ? { error: 'unauthorized' } : account(subject);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return true;
    },
  };
}

/** The API on a port of its own. */
export async function startApiServer(options: ApiOptions): Promise<Api & { origin: string; close(): Promise<void> }> {
  const api = createApi(options);
  const server = createServer(async (request, response) => {
    if (!(await api.handle(request, response))) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { ...api, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

function account(subject: string): unknown {
  return { user: { id: subject, email: `${subject}@example.com` } };
}

/** Whom the request's credential stands for; null when there is none or it is not good. */
async function authenticate(request: IncomingMessage, options: ApiOptions): Promise<string | null> {
  const key = request.headers['x-api-key'];
  if (typeof key === 'string') return options.apiKeys?.includes(key) ? 'key-owner' : null;
  const [, scheme = '', value = ''] = /^(\w+) (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'basic') {
    const pair = Buffer.from(value, 'base64').toString('utf8');
    return options.passwords?.includes(pair) ? (pair.split(':')[0] ?? null) : null;
  }
  return scheme.toLowerCase() === 'bearer' ? introspect(value, options) : null;
}

async function introspect(token: string, options: ApiOptions): Promise<string | null> {
  const { clientId = 'keyward', clientSecret = 'keyward-secret' } = options;
  const response = await fetch(`${options.issuer}/token/introspection`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams({ token }),
  });
  const answer = (await response.json()) as { active?: boolean; sub?: string; client_id?: string };
  return answer.active ? (answer.sub ?? answer.client_id ?? null) : null;
}
