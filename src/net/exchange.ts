/** One exchange with a service: checked, sent, redirects followed, answer read. Loaded with the first request. */
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { KeywardError } from '../errors.ts';
import { type HostRule, type ProxyOption, parseHost } from '../hosts.ts';
import { acceptedEncodings, decodedBody, readBody } from './body.ts';
import {
  type Connections,
  type Observed,
  openConnections,
  type ResolvedAddress,
  systemResolve,
} from './connections/dispatcher.ts';
import { checkTarget, egressRefused, type Reach } from './connections/target.ts';
import { type Deadline, defaultTimeoutMs, startDeadline } from './deadline.ts';
import type { Egress, EgressRequest, EgressStream } from './egress.ts';
import { cancelled, codeOf, networkFailure, timeoutFailure } from './failure.ts';
import { checkHeaders, readHeaders } from './headers.ts';
import { type Hop, nextHop } from './redirect.ts';

const defaultMaxBytes = 1024 * 1024;
/** A body that nobody wants is read this far, so that its connection can be used again; past that it is closed. */
const discardedBytes = 65_536;

/** What an Egress does, once it is needed. */
export type Exchange = Pick<Egress, 'request' | 'open' | 'close'>;

/** Opens the connections that one Egress uses; what it may reach is up to the operator. */
export async function openExchange(
  { proxy, ...reach }: Reach & { readonly proxy: ProxyOption | null },
  resolve: (host: string) => Promise<readonly ResolvedAddress[]> = systemResolve,
): Promise<Exchange> {
  const connections = await openConnections({ allow: reach.allow, proxy }, resolve);
  const open: Exchange['open'] = async (request) => {
    checkHeaders(request.headers ?? {});
    const hosts = request.hosts.map((text) => parseHost(text)).filter((rule) => rule !== undefined);
    checkTarget(request.url, hosts, reach);
    return run(connections, { ...request, timeoutMs: request.timeoutMs ?? defaultTimeoutMs }, hosts, reach);
  };
  return {
    open,
    async request({ maxBytes = defaultMaxBytes, ...request }) {
      const answer = await open(request);
      return { ...answer, body: await readBody(answer.body, maxBytes) };
    },
    close: () => connections.close(),
  };
}

/** A request whose time limit is settled. */
type Limited = EgressRequest & { readonly timeoutMs: number };

/** Sends the request and follows its redirects, all within one limit of time, which ends with the body. */
async function run(
  connections: Connections,
  request: Limited,
  hosts: readonly HostRule[],
  reach: Reach,
): Promise<EgressStream> {
  const deadline = startDeadline(request.timeoutMs, request.signal);
  try {
    let hop: Hop = {
      url: request.url,
      method: request.method ?? 'GET',
      headers: withDefaults(request),
      body: request.body ?? null,
    };
    for (let followed = 0; ; followed += 1) {
      const { status, headers, body, failure, discard } = await send(connections, hop, request, deadline);
      const next = request.redirects ? nextHop(hop, status, headers.get('location')) : null;
      if (next === null) return { status, headers, body: reading(body, deadline, failure), url: hop.url };
      await discard();
      if (followed === request.redirects) throw egressRefused(`${hop.url.host} redirects too often.`);
      checkTarget(next.url, hosts, reach);
      hop = next;
    }
  } catch (error) {
    deadline.clear();
    throw error;
  }
}

/** Caller's headers win; some services refuse requests without a user agent. */
function withDefaults({ method, headers = {}, bodyLength }: Limited): Record<string, string> {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    'user-agent': 'keyward',
    ...lower,
    'accept-encoding': wantsIdentity(method, lower) ? 'identity' : acceptedEncodings,
    ...(bodyLength === undefined ? {} : { 'content-length': String(bodyLength) }),
  };
}

/** A length, and a range of bytes, are those of the plain content; and a program may want nothing else. */
function wantsIdentity(method: string | undefined, headers: Readonly<Record<string, string>>): boolean {
  return method === 'HEAD' || headers.range !== undefined || headers['accept-encoding']?.trim() === 'identity';
}

type Sent = Pick<EgressStream, 'status' | 'headers'> & {
  readonly body: AsyncIterable<Uint8Array>;
  /** What went wrong on the way, in Keyward's words. */
  readonly failure: (error: unknown) => KeywardError;
  /** Instead of reading the body. */
  readonly discard: () => Promise<void>;
};

async function send(
  connections: Connections,
  hop: Hop,
  { timeoutMs, silenceMs = 0, once = false }: Limited,
  deadline: Deadline,
): Promise<Sent> {
  let sent = false;
  const failure = (error: unknown): KeywardError => {
    if (error instanceof KeywardError) return error;
    if (deadline.reason() === 'cancelled') return cancelled(sent);
    return deadline.reason() === 'timeout'
      ? timeoutFailure(hop.url, timeoutMs, sent)
      : networkFailure(hop.url, error, sent);
  };
  const request: Dispatcher.RequestOptions & Observed = {
    origin: hop.url.origin,
    path: `${hop.url.pathname}${hop.url.search}`,
    method: hop.method as Dispatcher.HttpMethod,
    headers: hop.headers,
    body: hop.body as Readable | null,
    signal: deadline.signal,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    onSent() {
      sent = true;
    },
  };
  const answer = await connections.request(request).catch((error: unknown) => {
    if (!isStale(error, hop, once) || deadline.reason() !== null) throw failure(error);
    return connections.requestOnFresh(request).catch((again: unknown) => Promise.reject(failure(again)));
  });
  const { statusCode, headers, body } = answer;
  const bodiless = hop.method === 'HEAD' || statusCode === 204 || statusCode === 304;
  const encoding = bodiless ? null : encodingOf(headers);
  return {
    status: statusCode,
    headers: readHeaders(headers, { decoded: hop.method !== 'HEAD' }),
    body: decodedBody(body, encoding, isFramed(headers)),
    failure,
    discard: () => body.dump({ limit: discardedBytes }).catch(() => {}),
  };
}

/**
 * True when a kept connection ended as the request went out, before any byte of an answer: services and balancers close
 * idle ones at any moment. A safe request is sent once more then (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
 */
function isStale(error: unknown, { method, body }: Hop, once: boolean): boolean {
  const repeatable = body === null || typeof body === 'string' || body instanceof Uint8Array;
  return !once && repeatable && ['GET', 'HEAD', 'OPTIONS'].includes(method) && endedCodes.has(codeOf(error));
}

const endedCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** True when the end of the connection is not the end of the body (RFC 9112 §6.3). */
function isFramed(headers: Dispatcher.ResponseData['headers']): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** How the body is encoded: by the service, or for the way, which nobody asked for (RFC 9112 §7) and scrubbing can not read. */
function encodingOf({
  'content-encoding': content = '',
  'transfer-encoding': transfer = 'chunked',
}: Dispatcher.ResponseData['headers']): string {
  if (transfer === 'chunked') return [content].flat().join(', ');
  const all = [content, transfer].flat().join(', ').toLowerCase().split(',');
  return all
    .map((one) => one.trim())
    .filter((one) => !['', 'chunked'].includes(one))
    .join(', ');
}

/** The body; the limit of time ends with it. */
async function* reading(
  body: AsyncIterable<Uint8Array>,
  deadline: Deadline,
  failure: Sent['failure'],
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw failure(error);
  } finally {
    deadline.clear();
  }
}
