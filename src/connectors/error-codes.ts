/** The error codes of OAuth: what a service may call them otherwise is said by its definition. */

/** The service asks for patience: nothing about the request was wrong (RFC 6749 §4.1.2.1). */
export const transientCodes = ['server_error', 'temporarily_unavailable'] as const;

/** A verdict on the request itself (RFC 6749 §5.2), believed even when it comes with a 5xx status. */
export const verdictCodes = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
] as const;

/** What else the specifications name (RFC 6749 §4.1.2.1, RFC 7009 §2.2.1, RFC 8628 §3.5, RFC 8707 §2, RFC 6750 §3.1, OpenID Connect). */
const otherCodes = [
  'access_denied',
  'authorization_pending',
  'consent_required',
  'expired_token',
  'interaction_required',
  'invalid_target',
  'invalid_token',
  'login_required',
  'redirect_uri_mismatch',
  'slow_down',
  'unsupported_response_type',
  'unsupported_token_type',
] as const;

export const standardCodes = [...transientCodes, ...verdictCodes, ...otherCodes] as const;

export type StandardCode = (typeof standardCodes)[number];
