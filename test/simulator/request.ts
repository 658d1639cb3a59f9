/** A request as the simulator sees it. */
import type { IncomingMessage } from 'node:http';

export type Request = {
  readonly method: string;
  /** Below the endpoint's own name, without the query. */
  readonly rest: string;
  readonly query: URLSearchParams;
  /** The query as it was sent, with its question mark. */
  readonly search: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

/** An answer before it goes out; `body` is sent as JSON unless it is text. */
export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
};

const jsonType = /^application\/json\b/i;
const formType = /^application\/x-www-form-urlencoded\b/i;

/** The parameters of a body in the format that it must have; null when it has another. */
export function paramsOf(request: Request, format: 'form' | 'json'): URLSearchParams | null {
  const type = request.headers['content-type'] ?? '';
  if (format === 'form') return formType.test(type) ? new URLSearchParams(request.body) : null;
  if (!jsonType.test(type)) return null;
  try {
    return new URLSearchParams(JSON.parse(request.body) as Record<string, string>);
  } catch {
    return null;
  }
}

/** User and password of a Basic header as they were sent, undecoded; null without one. */
export function basicOf(request: Request): readonly [user: string, password: string] | null {
  const [, encoded] = /^Basic (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (encoded === undefined) return null;
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? null : [pair.slice(0, colon), pair.slice(colon + 1)];
}

export function bearerOf(request: Request): string | null {
  return /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? null;
}
