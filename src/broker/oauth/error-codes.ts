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

/**
 * The standard code for what a service sent. Null when it looks like anything but a code, or holds one of `secrets`:
 * a code is logged and shown, so a hostile server must not smuggle text or an echo through it.
 */
export function standardCode(sent: string, secrets: readonly string[]): string | null {
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(sent)) return null;
  if (secrets.some((secret) => secret !== '' && sent.includes(secret))) return null;
  const code = sent.toLowerCase();
  return Object.hasOwn(synonyms, code) ? (synonyms[code] ?? null) : code;
}
