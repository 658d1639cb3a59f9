/**
 * Hosts: what is loopback, and lists of `host`, `host:port` or `*.domain`, compared the way URLs are. A leaf: definitions,
 * configuration and egress share it.
 */
import { isIPv4 } from 'node:net';

/** True for a name or an address that only this computer reaches (RFC 8252 §7.3); an IPv6 one with brackets or without. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

/** What browsers and services call loopback, as it stands in a URL. */
export const loopbackNames: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

/** A host as it stands in a URL: an IPv6 address gets its brackets. */
export function hostInUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** `port` null: any port of that host. `hostname` begins with a dot when any host below that domain is meant. */
export type HostRule = { readonly hostname: string; readonly port: number | null };

/** A proxy, and the hosts that are reached without it, as `HTTPS_PROXY` and `NO_PROXY` have them. */
export type ProxyOption = {
  /** May hold a user name and a password: it is never logged or shown. */
  readonly url: string;
  /** `*`, `host`, `.domain` or `host:port`; a host stands for those below it, too. */
  readonly except: readonly string[];
};

/** Rules that were read before: every call reads those of its connector and its credential. */
const known = new Map<string, HostRule | null>();
const maxKnown = 10_000;

/** Reads `host`, `host:port`, `[v6]:port` or `*.domain`; undefined when it is none of these. */
export function parseHost(text: string): HostRule | undefined {
  let rule = known.get(text);
  if (rule === undefined) {
    rule = ruleIn(text);
    if (known.size >= maxKnown) known.clear();
    known.set(text, rule);
  }
  return rule ?? undefined;
}

function ruleIn(text: string): HostRule | null {
  const match = /^(\*(?=\.))?(\[[0-9a-f:.]+\]|[^\s/?#@:\\[\]*]+)(?::(\d{1,5}))?$/i.exec(text.trim());
  const host = match?.[2]?.replace(/^\./, '');
  if (!host || !URL.canParse(`https://${host}`)) return null;
  const port = match?.[3] === undefined ? null : Number(match[3]);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  return { hostname: `${match?.[1] ? '.' : ''}${new URL(`https://${host}`).hostname}`, port };
}

/** True when the URL's host, and its port where the rule names one, is on the list. */
export function isListed(url: URL, rules: readonly HostRule[]): boolean {
  return rules.some(({ hostname, port }) => {
    const sameHost = hostname.startsWith('.') ? url.hostname.endsWith(hostname) : url.hostname === hostname;
    return sameHost && (port === null || port === portOf(url));
  });
}

/** True when the URL's host is the one of `entry`: `host` (any port), `host:port`, or `*.domain` (any port). */
export function hostMatches(url: URL, entry: string): boolean {
  const rule = parseHost(entry);
  return rule !== undefined && isListed(url, [rule]);
}

/** The port a URL stands for, default ports included. */
export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/** The setting that lets a host be reached on a private address, and without encryption. */
export function allowSetting(url: URL): string {
  return `KEYWARD_EGRESS_ALLOW=${url.hostname}:${portOf(url)}`;
}

/** A port to take where this one is not to be had. */
export function otherPort(port: number): number {
  return port < 65_535 ? port + 1 : port - 1;
}
