/** The only way out: every outbound request of Keyward goes through an Egress. */
import { KeywardError } from '../errors.ts';

export type EgressRequest = {
  /** https, or http to a host of the allow list. */
  readonly url: URL;
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Hosts that may be reached, `host` or `host:port`; checked for the first URL and for every redirect. */
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
   * `provider_unavailable` (network, timeout; `details.ambiguous` when it may have been received), `provider_garbled`
   * (an encoding that can't be decoded) or `cancelled`.
   */
  request(request: EgressRequest): Promise<EgressResponse>;
  close(): Promise<void>;
}

export type ResolvedAddress = { readonly address: string; readonly family: 4 | 6 };

export type EgressOptions = {
  /** Private or loopback hosts that may be reached, `host` or `host:port` (`KEYWARD_EGRESS_ALLOW`). */
  readonly allow: readonly string[];
  /** Resolves a host name to every address it has; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
};

/** Builds the outbound client. Nothing is loaded or opened before the first request. */
export function createEgress(_options: EgressOptions): Egress {
  return {
    async request() {
      throw new KeywardError('egress_refused', 'Not built yet.');
    },
    async close() {},
  };
}
