/**
 * The only way out: every outbound request of Keyward goes through an Egress. Three layers keep it off private
 * addresses: literal hosts are checked before anything else (undici never resolves those), names are resolved and
 * checked here and connected to that same answer, and the connected socket's address is looked at once more.
 */
import type { Dispatcher } from 'undici';
import { KeywardError } from '../errors.ts';
import { acceptedEncodings, readBody } from './body.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { createDispatcher, type ResolvedAddress, systemResolve } from './dispatcher.ts';
import { cancelled, networkFailure, timeoutFailure } from './failure.ts';
import { checkHeaders, readHeaders } from './headers.ts';
import { type HostRule, parseHost } from './hosts.ts';
import { type Hop, nextHop } from './redirect.ts';
import { checkTarget, refused } from './target.ts';

export type EgressRequest = {
  /** https, or http to a host of the allow list. */
  readonly url: URL;
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Hosts that may be reached: `host`, `host:port` or `*.domain`; checked for the first URL and every redirect. */
  readonly hosts: readonly string[];
  /** How many redirects are followed; default 0: a redirect is answered as it is. */
  readonly redirects?: number;
  /** Limit of the whole exchange in milliseconds, redirects and body included; default 30,000. */
  readonly timeoutMs?: number;
  /** Limit of the decoded body in bytes; default 1 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
};

export type EgressResponse = {
  readonly status: number;
  readonly headers: Headers;
  /** Decoded. */
  readonly body: Uint8Array;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
};

export interface Egress {
  /**
   * Sends one request. Fails with `egress_refused` (the address may not be called), `egress_too_large`,
   * `provider_unavailable` (network, timeout), `provider_garbled` (an encoding that can't be decoded), `invalid_input`
   * (a header that can't be sent) or `cancelled`. `details.ambiguous` when the service may have received it.
   */
  request(request: EgressRequest): Promise<EgressResponse>;
  /** Waits for what is under way, then closes every connection. */
  close(): Promise<void>;
}

export type { ResolvedAddress };

export type EgressOptions = {
  /** Private or loopback hosts that may be reached, `host` or `host:port` (`KEYWARD_EGRESS_ALLOW`). */
  readonly allow: readonly string[];
  /** Resolves a host name to every address it has; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
};

export const defaultTimeoutMs = 30_000;
const defaultMaxBytes = 1024 * 1024;

/**
 * Builds the outbound client. Nothing is loaded or opened before the first request.
 *
 * @throws KeywardError `config_invalid` for an entry of the allow list that is no host
 */
export function createEgress(options: EgressOptions): Egress {
  const allow = options.allow.map((text) => {
    const rule = parseHost(text);
    if (rule && !rule.hostname.startsWith('.')) return rule;
    throw new KeywardError('config_invalid', `KEYWARD_EGRESS_ALLOW holds "${text}", which is no host.`, {
      hint: 'Write host or host:port, such as 127.0.0.1:9411.',
    });
  });
  let dispatcher: Promise<Dispatcher> | undefined;
  return {
    async request(request) {
      checkHeaders(request.headers ?? {});
      const hosts = request.hosts.map((text) => parseHost(text)).filter((rule) => rule !== undefined);
      checkTarget(request.url, hosts, allow);
      dispatcher ??= createDispatcher(allow, options.resolve ?? systemResolve);
      return run(await dispatcher, request, hosts, allow);
    },
    async close() {
      await (await dispatcher)?.close();
      dispatcher = undefined;
    },
  };
}

/** Sends the request and follows its redirects, all within one limit of time. */
async function run(
  dispatcher: Dispatcher,
  request: EgressRequest,
  hosts: readonly HostRule[],
  allow: readonly HostRule[],
): Promise<EgressResponse> {
  const timeoutMs = request.timeoutMs ?? defaultTimeoutMs;
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
