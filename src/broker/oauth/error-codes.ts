/** From what a service sent as an error to the code that the specifications know. */
import {
  type StandardCode,
  standardCodes,
  transientCodes as transient,
  verdictCodes as verdicts,
} from '../../connectors/error-codes.ts';

/** Names that more than one service uses → the standard code they mean. What one service uses is in its definition. */
const synonyms: Readonly<Record<string, StandardCode>> = {
  invalid_redirect_uri: 'redirect_uri_mismatch',
  authorization_declined: 'access_denied',
  user_denied: 'access_denied',
  rate_limit_exceeded: 'temporarily_unavailable',
};

/** The service asks for patience. */
export const transientCodes: ReadonlySet<string> = new Set(transient);

/** A verdict on the request itself, whatever the status. */
export const verdictCodes: ReadonlySet<string> = new Set(verdicts);

const known: ReadonlySet<string> = new Set(standardCodes);

/**
 * The standard code for what a service sent; null for anything else. Codes are logged, and a service could put anything
 * in their place: an echo of the request, a stored token, a text that speaks to the model. So only known words pass.
 *
 * @param named the service's own names, from its definition
 */
export function standardCode(sent: string, named: Readonly<Record<string, StandardCode>>): StandardCode | null {
  const own = Object.hasOwn(named, sent) ? named[sent] : undefined;
  if (own !== undefined) return own;
  const lower = sent.toLowerCase();
  const code = Object.hasOwn(synonyms, lower) ? synonyms[lower] : lower;
  return isStandard(code) ? code : null;
}

function isStandard(code: string | undefined): code is StandardCode {
  return code !== undefined && known.has(code);
}
