/** One exchange with a service: checked, sent, redirects followed, answer read. Loaded with the first request. */
import type { Dispatcher } from 'undici';
import { KeywardError } from '../errors.ts';
import { type HostRule, parseHost } from '../hosts.ts';
import { acceptedEncodings, readBody } from './body.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { createDispatcher, type ResolvedAddress, systemResolve } from './dispatcher.ts';
import type { EgressRequest, EgressResponse } from './egress.ts';
import { cancelled, networkFailure, timeoutFailure } from './failure.ts';
import { checkHeaders, readHeaders } from './headers.ts';
import { type Hop, nextHop } from './redirect.ts';
import { checkTarget, refused } from './target.ts';

const defaultMaxBytes = 1024 * 1024;

/** A request whose time limit is settled. */
type Limited = EgressRequest & { readonly timeoutMs: number };

export type Exchange = {
  send(request: Limited): Promise<EgressResponse>;
  close(): Promise<void>;
};

/** Opens the connections that one Egress uses; the addresses it may reach are `allow` and the public ones. */
export async function openExchange(
  allow: readonly HostRule[],
  resolve: (host: string) => Promise<readonly ResolvedAddress[]> = systemResolve,
): Promise<Exchange> {
  const dispatcher = await createDispatcher(allow, resolve);
  return {
    async send(request) {
      checkHeaders(request.headers ?? {});
      const hosts = request.hosts.map((text) => parseHost(text)).filter((rule) => rule !== undefined);
      checkTarget(request.url, hosts, allow);
      return run(dispatcher, request, hosts, allow);
    },
    close: () => dispatcher.close(),
  };
}

/** Sends the request and follows its redirects, all within one limit of time. */
async function run(
  dispatcher: Dispatcher,
  request: Limited,
  hosts: readonly HostRule[],
  allow: readonly HostRule[],
): Promise<EgressResponse> {
  const { timeoutMs } = request;
  const deadline = startDeadline(timeoutMs, request.signal);
  try {
    let hop: Hop = {
      url: request.url,
      method: request.method ?? 'GET',
      headers: withDefaults(request.headers ?? {}),
      body: request.body ?? null,
    };
    for (let followed = 0; ; followed += 1) {
      const response = await send(dispatcher, hop, request.maxBytes ?? defaultMaxBytes, deadline, timeoutMs);
      const next = request.redirects ? nextHop(hop, response.status, response.headers.get('location')) : null;
      if (next === null) return response;
      if (followed === request.redirects) throw refused(`${hop.url.host} redirects too often.`);
      checkTarget(next.url, hosts, allow);
      hop = next;
    }
  } finally {
    deadline.clear();
  }
}

/** Caller's headers win; some services refuse requests without a user agent. */
function withDefaults(headers: Readonly<Record<string, string>>): Record<string, string> {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { 'user-agent': 'keyward', ...lower, 'accept-encoding': acceptedEncodings };
}

async function send(
  dispatcher: Dispatcher,
  hop: Hop,
  maxBytes: number,
  deadline: Deadline,
  timeoutMs: number,
): Promise<EgressResponse> {
  let sent = false;
  const observed = dispatcher.compose(
    (dispatch) => (options, handler) =>
      dispatch(
        options,
        noting(handler, () => {
          sent = true;
        }),
      ),
  );
  try {
    const { statusCode, headers, body } = await observed.request({
      origin: hop.url.origin,
      path: `${hop.url.pathname}${hop.url.search}`,
      method: hop.method as Dispatcher.HttpMethod,
      headers: hop.headers,
      body: hop.body,
      signal: deadline.signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const bodiless = hop.method === 'HEAD' || statusCode === 204 || statusCode === 304;
    const encoding = bodiless ? null : [headers['content-encoding'] ?? ''].flat().join(', ');
    return {
      status: statusCode,
      headers: readHeaders(headers),
      body: await readBody(body, encoding, maxBytes),
      url: hop.url,
    };
  } catch (error) {
    if (error instanceof KeywardError) throw error;
    if (deadline.reason() === 'cancelled') throw cancelled(sent);
    throw deadline.reason() === 'timeout'
      ? timeoutFailure(hop.url, timeoutMs, sent)
      : networkFailure(hop.url, error, sent);
  }
}

/** The handler, telling when its request starts to be written: before that, nothing can have taken effect. */
function noting(handler: Dispatcher.DispatchHandler, onSent: () => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller, context) {
      onSent();
      handler.onRequestStart?.(controller, context);
    },
    onResponseStart: (...response) => handler.onResponseStart?.(...response),
    onResponseData: (...data) => handler.onResponseData?.(...data),
    onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
    onResponseError: (...failure) => handler.onResponseError?.(...failure),
  };
}
