/** What the pages on loopback are called, and where they listen. */
import { hostInUrl, loopbackNames } from '../../hosts.ts';

/** The configuration that names come from. */
export type NamedBy = {
  /** `127.0.0.1`, `::1` or `localhost`. */
  readonly host: string;
  /** What OAuth clients register instead of host and port. */
  readonly publicUrl: string | null;
};

export type Names = {
  /** As it stands in URLs. */
  readonly hostname: string;
  readonly addresses: readonly [string, ...string[]];
  /** Host header of requests that come in by `KEYWARD_PUBLIC_URL`. */
  readonly publicHosts: readonly string[];
};

export function namesOf({ host, publicUrl }: NamedBy): Names {
  const given = publicUrl === null ? null : new URL(publicUrl);
  const hostname = given?.protocol === 'http:' ? given.hostname : hostInUrl(host);
  return { hostname, addresses: addressesOf(hostname), publicHosts: given === null ? [] : [given.host] };
}

/** Every name of loopback: services register one or the other, for this process or for one that shares the port. */
export function hostsAt(hostname: string, port: number): string[] {
  return [...loopbackNames, hostname].map((name) => `${name}:${port}`);
}

/** A browser may try either address of `localhost`: nobody else may sit on the other one. */
function addressesOf(hostname: string): Names['addresses'] {
  if (hostname === 'localhost' || hostname === '127.0.0.1') return ['127.0.0.1', '::1'];
  return hostname === '[::1]' ? ['::1', '127.0.0.1'] : [hostname];
}
