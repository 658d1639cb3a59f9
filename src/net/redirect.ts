/** What a redirect turns a request into. */

import { egressRefused } from './connections/target.ts';
import type { EgressRequest } from './egress.ts';

/** One request of a chain. */
export type Hop = {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: EgressRequest['body'] | null;
};

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Headers that another origin may see. Any other one could be a credential: services take keys in headers of every
 * name, so a list of forbidden names would never be complete.
 */
const plainHeaders: ReadonlySet<string> = new Set(['accept', 'accept-language', 'user-agent']);

/**
 * The next request, or null when the answer is no redirect. Methods change as in the Fetch standard (§4.4).
 *
 * @throws KeywardError `egress_refused` when a body would go to another origin
 */
export function nextHop(hop: Hop, status: number, location: string | undefined): Hop | null {
  if (!redirectStatuses.has(status) || location === undefined || !URL.canParse(location, hop.url.href)) return null;
  const url = new URL(location, hop.url);
  const sameOrigin = url.origin === hop.url.origin;
  const becomesGet =
    (status === 303 && hop.method !== 'GET' && hop.method !== 'HEAD') || (status < 303 && hop.method === 'POST');
  const body = becomesGet ? null : hop.body;
  if (body !== null && !sameOrigin)
    throw egressRefused(`${hop.url.host} wants the request sent to ${url.host} instead.`);
  const keep = (name: string) => (sameOrigin ? !(becomesGet && name.startsWith('content-')) : plainHeaders.has(name));
  const headers = Object.fromEntries(Object.entries(hop.headers).filter(([name]) => keep(name.toLowerCase())));
  return { url, method: becomesGet ? 'GET' : hop.method, headers, body };
}
