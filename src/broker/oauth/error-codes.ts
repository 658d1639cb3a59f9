/** Error codes of RFC 6749 and its family, and what services call them instead. */

/** Names of single services → the standard code they mean. */
const synonyms: Readonly<Record<string, string>> = {
  // GitHub
  bad_refresh_token: 'invalid_grant',
  bad_verification_code: 'invalid_grant',
  incorrect_client_credentials: 'invalid_client',
  incorrect_device_code: 'invalid_grant',
  device_flow_disabled: 'unauthorized_client',
  // Slack
  invalid_code: 'invalid_grant',
  code_already_used: 'invalid_grant',
  invalid_refresh_token: 'invalid_grant',
  token_expired: 'invalid_grant',
  token_revoked: 'invalid_grant',
  bad_client_secret: 'invalid_client',
  invalid_client_id: 'invalid_client',
  bad_redirect_uri: 'redirect_uri_mismatch',
  ratelimited: 'temporarily_unavailable',
  internal_error: 'server_error',
  fatal_error: 'server_error',
  // HubSpot
  bad_auth_code: 'invalid_grant',
  bad_client_id: 'invalid_client',
  // Others
  invalid_redirect_uri: 'redirect_uri_mismatch',
  authorization_declined: 'access_denied',
  user_denied: 'access_denied',
  rate_limit_exceeded: 'temporarily_unavailable',
};

/** The service asks for patience: nothing about the request was wrong (RFC 6749 §4.1.2.1). */
export const transientCodes: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable']);

/** A verdict on the request itself (RFC 6749 §5.2), believed even when it comes with a 5xx status. */
export const verdictCodes: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
]);

/** What else the specifications name (RFC 6749 §4.1.2.1, RFC 7009 §2.2.1, RFC 8628 §3.5, RFC 8707 §2, OpenID Connect). */
const otherCodes: ReadonlySet<string> = new Set([
  'access_denied',
  'authorization_pending',
  'consent_required',
  'expired_token',
  'interaction_required',
  'invalid_target',
  'login_required',
  'redirect_uri_mismatch',
  'slow_down',
  'unsupported_response_type',
  'unsupported_token_type',
]);

/**
 * The standard code for what a service sent; null for anything else. Codes are logged, and a service could put anything
 * in their place: an echo of the request, a stored token, a text that speaks to the model. So only known words pass.
 */
export function standardCode(sent: string): string | null {
  const lower = sent.toLowerCase();
  const code = Object.hasOwn(synonyms, lower) ? (synonyms[lower] ?? lower) : lower;
  return [verdictCodes, transientCodes, otherCodes].some((codes) => codes.has(code)) ? code : null;
}
