/** Opens the outbound client, which loads what it needs with its first request. */
import { KeywardError } from '../errors.ts';
import { isListed, type ProxyOption, parseHost } from '../hosts.ts';
import type { ResolvedAddress } from './connections/dispatcher.ts';
import type { Egress } from './egress.ts';
import type { Exchange } from './exchange.ts';

type EgressOptions = {
  /** Private or loopback hosts that may be reached, `host` or `host:port` (`KEYWARD_EGRESS_ALLOW`). */
  readonly allow: readonly string[];
  /** The only hosts that may be reached besides those, `host` or `*.domain` (`KEYWARD_HOSTS_ALLOW`); null or absent: every public one. */
  readonly only?: readonly string[] | null;
  /** The proxy that services are reached through; null or absent: none. */
  readonly proxy?: ProxyOption | null;
  /** Resolves a host name to every address it has; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
};

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
  const only = options.only?.map((text) => parseHost(text)).filter((rule) => rule !== undefined) ?? null;
  let exchange: Promise<Exchange> | undefined;
  const opened = (): Promise<Exchange> => {
    exchange ??= import('./exchange.ts').then(({ openExchange }) =>
      openExchange({ allow, only, proxy: options.proxy ?? null }, options.resolve),
    );
    return exchange;
  };
  return {
    allowsPlain: (url) => isListed(url, allow),
    request: async (request) => (await opened()).request(request),
    open: async (request) => (await opened()).open(request),
    async close() {
      await (await exchange)?.close();
      exchange = undefined;
    },
  };
}
