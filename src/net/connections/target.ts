/** The decision whether a URL may be called, and whether an address may be connected to for it. */
import { isIP } from 'node:net';
import { KeywardError } from '../../errors.ts';
import { allowSetting, type HostRule, isListed } from '../../hosts.ts';
import { isStandIn, kindOf } from './addresses.ts';

/** What the operator lets Keyward reach. */
export type Reach = {
  /** Hosts that may be reached on private and loopback addresses. */
  readonly allow: readonly HostRule[];
  /** The only other hosts; null: every public one. */
  readonly only: readonly HostRule[] | null;
};

/**
 * Refuses a URL that may not be called: not http(s), with a user name in it, off the allowed hosts, off the operator's
 * list, plain http to a host that the operator did not allow, or a literal address that is not public. Names are checked
 * when they are resolved. WHATWG URLs have turned decimal, hex, octal and full-width forms of an address into its plain form before.
 *
 * @throws KeywardError `egress_refused`
 */
export function checkTarget(url: URL, hosts: readonly HostRule[], { allow, only }: Reach): void {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw egressRefused('Only https addresses can be called.');
  if (url.username !== '' || url.password !== '') throw egressRefused('The address carries a user name or password.');
  if (!isListed(url, hosts)) throw egressRefused(`${url.host} is not one of the hosts this connector may call.`);
  if (only !== null && !isListed(url, [...only, ...allow])) {
    throw egressRefused(
      `${url.host} is not one of the hosts that this Keyward may reach.`,
      'The person who runs it set KEYWARD_HOSTS_ALLOW. They can add the host there if it should be reached.',
    );
  }
  if (url.protocol === 'http:' && !isListed(url, allow)) {
    throw egressRefused(`${url.host} would be called without encryption.`, allowHint(url));
  }
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !mayConnect(url, literal, allow)) throw notPublic(url, literal);
}

/**
 * True when a connection for this URL may go to this address: a public one over https, a loopback or private one when
 * the operator allowed the host.
 */
export function mayConnect(url: URL, address: string, allow: readonly HostRule[]): boolean {
  const kind = kindOf(address);
  if (kind === 'public') return url.protocol === 'https:';
  return kind === 'local' && isListed(url, allow);
}

/**
 * The refusal of an address. It names the host only: which address a name has inside a network is nobody's business. The
 * hint never leads to the same refusal.
 */
export function notPublic(url: URL, address: string): KeywardError {
  const message = `${url.host} is not on a public address.`;
  if (isStandIn(address)) {
    const why = 'A VPN or proxy on this computer answers DNS with stand-in addresses (198.18.0.0/15).';
    return egressRefused(message, `${why} Switch that off for this host, or trust it: ${allowSetting(url)}.`);
  }
  if (kindOf(address) === 'local') return egressRefused(message, allowHint(url));
  return egressRefused(
    message,
    'Addresses of this kind are never called. Check what the name of this host resolves to.',
  );
}

export function egressRefused(message: string, hint = 'Check the address in the connector file.'): KeywardError {
  return new KeywardError('egress_refused', message, { hint });
}

function allowHint(url: URL): string {
  return `If this service is yours and runs on a private or loopback address, set ${allowSetting(url)}.`;
}
