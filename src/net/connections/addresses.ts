/** Which IP addresses may be called. Deny by default: what is not known to be public or local is refused. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * `public`: reachable by anybody, so nothing is revealed by calling it. `local`: loopback or a private network, called
 * only when the operator allows the host. `denied`: everything else, among it link-local addresses, where cloud
 * machines serve their own credentials.
 */
type AddressKind = 'public' | 'local' | 'denied';

/** True for an address that stands for another one, which only a VPN or proxy on this computer knows. */
export function isStandIn(address: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(address) && ipaddr.IPv4.parse(address).match(benchmarks);
}

const localRanges: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat']);

/** Azure serves machine credentials on this one, although it lies in public space. */
const deniedIPv4: ReadonlySet<string> = new Set(['168.63.129.16']);

/** For benchmarks (RFC 2544, RFC 5735). VPNs and proxies that answer DNS themselves hand it out in place of public addresses. */
const benchmarks = ipaddr.IPv4.parseCIDR('198.18.0.0/15');

/** All of the public IPv6 space so far (IANA IPv6 address space registry); leaves out `::/96` and its embedded IPv4. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/** NAT64 (RFC 6052 §2.1): how machines on IPv6-only networks see the IPv4 internet. */
const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/** Kind of an address in text form, without brackets. Text that is no address is `denied`. */
export function kindOf(address: string): AddressKind {
  // ipaddr.js also reads hex, octal and short forms; no resolver or socket answers those.
  if (isIP(address) === 0 || address.includes('%')) return 'denied';
  const parsed = ipaddr.parse(address);
  return parsed instanceof ipaddr.IPv4 ? kindOfIPv4(parsed) : kindOfIPv6(parsed as ipaddr.IPv6);
}

function kindOfIPv4(address: ipaddr.IPv4): AddressKind {
  const range = address.range();
  if (localRanges.has(range) || address.match(benchmarks)) return 'local';
  return range === 'unicast' && !deniedIPv4.has(address.toString()) ? 'public' : 'denied';
}

function kindOfIPv6(address: ipaddr.IPv6): AddressKind {
  const range = address.range();
  if (localRanges.has(range)) return 'local';
  if (address.match(nat64)) {
    const embedded = kindOfIPv4(new ipaddr.IPv4(address.toByteArray().slice(12)));
    return embedded === 'public' ? 'public' : 'denied';
  }
  return range === 'unicast' && address.match(globalUnicast) ? 'public' : 'denied';
}
