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
  /** The token that it was made from (RFC 8693): it is good only as long and as far as that. Hashed as the limits are. */
  readonly parent?: TokenParent;
  /** Null never expires. */
  readonly expiresAt: number | null;
  /** Absent until it is used; a few minutes late. */
  readonly lastUsedAt?: number;
};

/** What a token was made from. */
export type TokenParent = { readonly kind: 'session' | 'assistant'; readonly id: string };

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
  /** Whom the issuer signed in (`sub`), and in which session there (`sid`), where an issuer did and says so. */
  readonly issued?: IssuedVisit;
};

export type IssuedVisit = { readonly issuer: string; readonly subject: string; readonly session?: string };

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

/**
 * An assistant: a program that its owner let in. All tokens that it has are checked against this row, so its end is
 * theirs. The sealed part holds the key of its authorization code and its refresh tokens.
 */
export type AssistantRow = Row & {
  /** Address of its metadata document, or the id of its registration. */
  readonly clientId: string;
  /** What it called itself when it was let in. */
  readonly name: string;
  /** The host that vouches for the name; null for a program that registered itself. */
  readonly vouchedBy: string | null;
  /** What its tokens are good for (RFC 8707): the address of the MCP endpoint of this Keyward. */
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly limits?: StoredLimits;
  /** `promised` until the authorization code is exchanged for tokens. */
  readonly status: 'promised' | 'active';
  /** How often the refresh token was exchanged for the next one: an earlier one ends the assistant. */
  readonly rotation: number;
  /** When the promise ends, or the assistant. */
  readonly expiresAt: number;
  /** When the assistant ends by itself, as its owner chose. */
  readonly endsAt: number;
  /** Absent until one of its access tokens is used; a few minutes late. */
  readonly lastUsedAt?: number;
};

/** That its owner let an assistant in within the last hour, whether it has ended or not. They are counted. */
export type RecentAssistantRow = Row & { readonly expiresAt: number };

/** A program that registered itself (RFC 7591); its id is the client id. The sealed part is what it said of itself. */
export type RegistrationRow = Row & {
  /** `used` while somebody has let the program in; one that is `unused` makes room for others. */
  readonly status: 'unused' | 'used';
  /** How many of its assistants nobody has ended; those that ended by themselves count until the row is forgotten. */
  readonly assistants?: number;
  /** When it is forgotten, unless it is used until then. */
  readonly expiresAt: number;
};

/** A request for authorization that waits for a person. Its id is a keyed digest of what the browser knows it by. */
export type AuthorizationRow = Row & { readonly expiresAt: number };

/** Row type of each kind that lets somebody in. */
export type SignInRows = {
  session: SessionRow;
  signInCode: SignInCodeRow;
  visit: VisitRow;
  passkey: PasskeyRow;
  usedChallenge: UsedChallengeRow;
  assistant: AssistantRow;
  recentAssistant: RecentAssistantRow;
  registration: RegistrationRow;
  authorization: AuthorizationRow;
};
