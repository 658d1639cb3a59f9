/** The one error class of Keyward, its codes, and what of an error may be shown to a caller. */

/**
 * Every code an error can carry, with the HTTP status it maps to. The text of an error belongs to the place that
 * throws it; the meaning of a code belongs here.
 */
export const errorCodes = {
  /** The caller's input is wrong; the message names each field. */
  invalid_input: 422,
  /** No bearer token, or one that is not accepted; never says why. */
  unauthenticated: 401,
  unknown_connector: 404,
  not_found: 404,
  /** The principal may see the thing but not do this to it. */
  forbidden: 403,
  insufficient_scope: 403,
  /** Somebody else changed the record first; read it again. */
  conflict: 409,
  /** Releasing is switched off, or waits for the owner's approval. */
  release_refused: 403,
  approval_required: 403,
  /** The owner was asked and said no. */
  approval_denied: 403,
  /** The provider no longer accepts the grant: a person has to connect again. */
  reconnect_required: 409,
  /** Too much was asked for in too short a time; `details.retryAfterSeconds` says when to come back. */
  rate_limited: 429,
  /** The caller keeps as much as one user may; something has to go or end first. */
  limit_reached: 403,
  attempt_expired: 410,
  attempt_used: 409,
  /** The person said no, or the provider refused the request; `details.providerError` holds its code. */
  provider_refused: 502,
  provider_unavailable: 503,
  /** The provider's answer is not what the protocol allows. */
  provider_garbled: 502,
  /** The address may not be called: private, off the allowed hosts, not https. */
  egress_refused: 502,
  egress_too_large: 502,
  config_invalid: 500,
  connector_invalid: 500,
  port_in_use: 500,
  /** Key material is absent, or does not fit this vault. */
  key_missing: 500,
  key_wrong: 500,
  /** The vault's content was altered, cut short, swapped or rolled back. */
  vault_damaged: 500,
  /** The file was written by a newer Keyward. */
  vault_newer: 500,
  vault_busy: 503,
  /** The database can't be reached, is starting or stopping, or has no connection left. Trying again later helps. */
  store_unavailable: 503,
  storage_full: 507,
  storage_readonly: 507,
  storage_failed: 507,
  audit_unavailable: 503,
  cancelled: 499,
  internal: 500,
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** Facts for code that handles the error. Never a secret: details may be logged. */
export type ErrorDetails = {
  /** The OAuth error code that a provider answered (RFC 6749 §5.2), such as `invalid_grant`. */
  readonly providerError?: string;
  /** HTTP status that an upstream answered. */
  readonly status?: number;
  /** How long the upstream asked to be left alone. */
  readonly retryAfterSeconds?: number;
  /** The request may have taken effect although no answer came (a timeout, a cut connection). */
  readonly ambiguous?: boolean;
  /** Field name → what is wrong with it, for forms and 422 bodies. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Where the first of them stands in what was sent: names, and numbers of list entries. */
  readonly loc?: readonly (string | number)[];
  /** Signing in, perhaps as somebody else, is the way out: a page links there. */
  readonly signIn?: boolean;
  /** The request that waits for the owner's approval. Its id opens nothing by itself. */
  readonly approvalId?: string;
  /** When that approval was asked for, in milliseconds since 1970: a later request about the same matter has its id. */
  readonly askedAt?: number;
  /** File that the error is about; shown to the local person only. */
  readonly path?: string;
};

/** An error with a stable `code`, a `message` that says what went wrong and a `hint` that says the next step. */
export class KeywardError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { hint?: string; details?: ErrorDetails } = {}) {
    super(message);
    this.name = 'KeywardError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** What leaves the process: `{ code, message, hint? }`. */
export type PublicError = { code: ErrorCode; message: string; hint?: string };

/**
 * The public view of any thrown value. Only a KeywardError's own words are shown; anything else may quote a
 * secret (a library's error often carries the answer it choked on), so it becomes `internal`.
 */
export function toPublic(error: unknown): PublicError {
  if (error instanceof KeywardError) {
    return error.hint === undefined
      ? { code: error.code, message: error.message }
      : { code: error.code, message: error.message, hint: error.hint };
  }
  return {
    code: 'internal',
    message: 'Keyward failed unexpectedly.',
    hint: 'The log on stderr has the details. Trying again is safe.',
  };
}

/** True for a KeywardError of this code. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is KeywardError {
  return error instanceof KeywardError && codes.includes(error.code);
}
