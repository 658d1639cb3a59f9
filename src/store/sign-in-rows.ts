/** Rows that let somebody in. */
import type { Row } from './row.ts';

/** The limits of a token as a row keeps them: ids of connections and of connectors. An absent part limits nothing. */
export type StoredLimits = {
  readonly connections?: readonly string[];
  readonly connectors?: readonly string[];
  readonly readOnly?: boolean;
};

/** A session token that Keyward issued over HTTP; `owner` is the user it stands for. It has no sealed secret: only a hash. */
export type SessionRow = Row & {
  /**
   * SHA-256 (hex) of the token's secret part, which has 256 bits of chance: a slow hash would protect nothing more. Where
   * there are limits, of both.
   */
  readonly hash: string;
  /** What its owner knows it by. */
  readonly name?: string;
  readonly scopes: readonly string[];
  readonly limits?: StoredLimits;
  /** Null never expires. */
  readonly expiresAt: number | null;
};

/**
 * A sign-in code for the pages. Its id is a keyed digest of the code, so the row is no help in guessing one; whom it
 * signs in is its sealed part. All of them belong to one owner, which no principal can be.
 */
export type SignInCodeRow = Row & { readonly expiresAt: number };

/** A browser in which its owner is signed in to the pages. It has no secret: the browser keeps a proof that it is the one. */
export type VisitRow = Row & {
  readonly expiresAt: number;
  /** The passkey that signed its owner in; absent where a code or an issuer did. */
  readonly passkeyId?: string;
};

/**
 * A passkey of its owner (WebAuthn Level 3, §4 *credential record*). Its id is a digest of the credential's own id, which
 * is sealed with the public key.
 */
export type PasskeyRow = Row & {
  /** What its owner calls it. */
  readonly name: string;
  /** The signature counter of its last use; 0 where the authenticator counts nothing. */
  readonly counter: number;
  readonly usedAt: number | null;
  /** When a copy of it was seen. It signs nobody in since then. */
  readonly copiedAt: number | null;
};

/** A challenge that its owner's passkey answered; its id is a keyed digest of it. No second answer is taken while it is here. */
export type UsedChallengeRow = Row & { readonly expiresAt: number };
