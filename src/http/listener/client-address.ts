/** Whose request it is, by address: the other end of the connection, or whom a trusted proxy names. */
import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { RequestHead } from './request-head.ts';

/** Addresses and ranges (CIDR) of the proxies whose forwarded headers are believed. */
type Proxies = readonly string[];

export type Client = {
  /** Normal form; empty when the connection is gone already. */
  readonly address: string;
  /** The other end of the connection is a trusted proxy. */
  readonly behindProxy: boolean;
};

type Address = ReturnType<typeof ipaddr.process>;

/**
 * The client's address. Behind trusted proxies it is the rightmost one of `X-Forwarded-For` that is no such proxy: what
 * stands left of it may be anybody's invention.
 */
export function createClientAddress(proxies: Proxies): (asked: Pick<RequestHead, 'peer' | 'header'>) => Client {
  const ranges = proxies.map(rangeOf);
  const isProxy = (address: Address | null): boolean =>
    address !== null && ranges.some(([net, bits]) => address.kind() === net.kind() && address.match(net, bits));
  return ({ peer: end, header }) => {
    // The system writes IPv4 in its normal form, and most requests come so.
    if (ranges.length === 0 && isIPv4(end)) return { address: end, behindProxy: false };
    const peer = parseAddress(end);
    if (!isProxy(peer)) return { address: peer?.toString() ?? '', behindProxy: false };
    const named = (header('x-forwarded-for') ?? '').split(',').map((part) => parseAddress(part.trim()));
    const client = named.findLast((address) => !isProxy(address)) ?? peer;
    return { address: client?.toString() ?? '', behindProxy: true };
  };
}

/** The other end of a connection, in normal form; empty when it is gone already. */
export function addressOf({ remoteAddress = '' }: { readonly remoteAddress?: string | undefined }): string {
  return parseAddress(remoteAddress)?.toString() ?? '';
}

/** One key for the addresses that one customer of a provider has: of IPv6 the first 64 bits (RFC 6177). */
export function networkOf(address: string): string {
  const parsed = address.includes(':') ? parseAddress(address) : null;
  return parsed?.kind() === 'ipv6' ? parsed.toNormalizedString().split(':').slice(0, 4).join(':') : address;
}

function parseAddress(text: string): Address | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}

function rangeOf(text: string): [Address, number] {
  const [address = '', bits] = text.split('/');
  const parsed = ipaddr.process(address);
  return [parsed, bits === undefined ? parsed.toByteArray().length * 8 : Number(bits)];
}
