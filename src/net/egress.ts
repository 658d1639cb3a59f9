/**
 * The only way out: every outbound request of Keyward goes through an Egress. Three layers keep it off private
 * addresses: literal hosts are checked before anything else (undici never resolves those), names are resolved and
 * checked here and connected to that same answer, and the connected socket's address is looked at once more.
 */
import type { AnswerHeaders } from './headers.ts';

export type EgressRequest = {
  /** https, or http to a host of the allow list. */
  readonly url: URL;
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent piece by piece, as fast as the service takes it; it can't be sent again. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Length of a streamed body in bytes, where it is known; else it goes out chunked. */
  readonly bodyLength?: number;
  /** Hosts that may be reached: `host`, `host:port` or `*.domain`; checked for the first URL and every redirect. */
  readonly hosts: readonly string[];
  /** How many redirects are followed; default 0: a redirect is answered as it is. */
  readonly redirects?: number;
  /** Limit of the whole exchange in milliseconds, redirects and body included; default 30,000. */
  readonly timeoutMs?: number;
  /** Limit of silence in milliseconds, before the answer and between its pieces; default none but `timeoutMs`. */
  readonly silenceMs?: number;
  readonly signal?: AbortSignal;
  /** A GET that may act: it is never sent again when its connection ends. */
  readonly once?: boolean;
};

/** A request whose answer is read as a whole. */
export type EgressWholeRequest = EgressRequest & {
  /** Limit of the decoded body in bytes; default 1 MiB. */
  readonly maxBytes?: number;
};

export type EgressResponse = {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** Decoded. */
  readonly body: Uint8Array;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
};

/** An answer whose body is still coming. */
export type EgressStream = Omit<EgressResponse, 'body'> & {
  /** Decoded; unlimited in size. Read it to its end or leave the loop: the connection is held until then. */
  readonly body: AsyncIterable<Uint8Array>;
};

export interface Egress {
  /** True where the operator lets this URL be called although it is http. */
  allowsPlain(url: URL): boolean;
  /**
   * Sends one request. Fails with `egress_refused` (the address may not be called), `egress_too_large`,
   * `provider_unavailable` (network, timeout), `provider_garbled` (an encoding that can't be decoded), `invalid_input`
   * (a header that can't be sent) or `cancelled`. `details.ambiguous` when the service may have received it.
   */
  request(request: EgressWholeRequest): Promise<EgressResponse>;
  /**
   * Sends one request and answers at the headers; the body comes as fast as it is read, and throws the errors of
   * `request`.
   */
  open(request: EgressRequest): Promise<EgressStream>;
  /** Waits for what is under way, then closes every connection. */
  close(): Promise<void>;
}
