/** Reading the metadata documents of clients (draft-ietf-oauth-client-id-metadata-document), through egress. */
import { KeywardError } from '../../errors.ts';
import type { Egress } from '../../net/egress.ts';
import { egressFetch } from '../../net/fetch.ts';

const timeoutMs = 5_000;
/** Longest document that is read, in bytes (draft, section “Maximum Response Size”). */
const maxBytes = 5 * 1024;

/** A `fetch` for documents of clients: one host each, no redirects, a few kilobytes, and nothing inside a network. */
export function egressFetchOf({ egress }: { readonly egress: Pick<Egress, 'request' | 'allowsPlain'> }) {
  return async (url: string | URL | Request): Promise<Response> => {
    const address = new URL(url instanceof Request ? url.url : url);
    // What the operator opened inside a network is for people who signed in; here a stranger names the address.
    if (egress.allowsPlain(address)) throw new KeywardError('egress_refused', 'A client’s document must be public.');
    const send = egressFetch(egress, { hosts: [address.host], timeoutMs, maxBytes });
    return send(address.href, { headers: { accept: 'application/json' } });
  };
}
