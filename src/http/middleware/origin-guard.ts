/** What is refused whatever it asks for: other names than Keyward's own, and what other sites send. */
import { KeywardError } from '../../errors.ts';
import type { RequestHead } from '../listener/request-head.ts';

/** What this Keyward calls its own. */
export type OwnAddresses = {
  /** Every value of the Host header that is served, `host[:port]`; anything else may be DNS rebinding. */
  readonly hosts: readonly string[];
  /** Origins whose pages may send requests here. */
  readonly origins: readonly string[];
};

/** Why, in the words of an error, and as the heading of a page. */
type Refused = { readonly heading: string; readonly error: KeywardError };

/** Why this request is refused, or null. */
export function checkOrigin({ hosts, origins }: OwnAddresses, asked: RequestHead): Refused | null {
  if (!hosts.includes(asked.header('host')?.toLowerCase() ?? '')) return foreignHost();
  return mayCome(origins, asked) ? null : foreignOrigin();
}

/**
 * Other sites may link here, and that is all. A navigation by GET passes even with a foreign Origin: some browsers keep
 * the header when the form of a service ends in a redirect to the callback.
 */
function mayCome(origins: readonly string[], { method, header }: RequestHead): boolean {
  const origin = header('origin');
  const site = header('sec-fetch-site');
  if (origin === undefined && (site === undefined || site === 'same-origin' || site === 'none')) return true;
  if (origin !== undefined && origins.includes(origin)) return true;
  const reads = method === 'GET' || method === 'HEAD';
  return reads && header('sec-fetch-mode') === 'navigate' && header('sec-fetch-dest') === 'document';
}

function foreignHost(): Refused {
  const error = new KeywardError('forbidden', 'The request names another host than this Keyward answers to.', {
    hint: 'Open the link that your assistant gave you, as it is. A program uses the public URL of this Keyward.',
  });
  return { heading: 'This address is not Keyward’s', error };
}

function foreignOrigin(): Refused {
  const error = new KeywardError(
    'forbidden',
    'The request came from a page that is not Keyward’s, so nothing was done.',
    {
      hint: 'If you were filling in a form of Keyward, open the link that your assistant gave you once more. A program sends no Origin.',
    },
  );
  return { heading: 'Another site sent this', error };
}
