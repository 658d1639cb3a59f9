/** What a simulated server remembers: codes, grants and the tokens that came out of them. */
import { randomBytes } from 'node:crypto';

/** One consent, and all tokens that descend from it. */
export type Grant = {
  readonly profile: string;
  readonly scopes: readonly string[];
  readonly offline: boolean;
  alive: boolean;
  /** The refresh token that is good now. */
  refreshToken: string | null;
  /** Those before it, each with the time until which it is forgiven. */
  readonly earlier: Map<string, number>;
};

export type Code = {
  readonly grant: Grant;
  readonly redirectUri: string | null;
  readonly challenge: string | null;
  readonly expiresAt: number;
  used: boolean;
};

export type AccessToken = { readonly grant: Grant; readonly expiresAt: number; revoked: boolean };

export type State = {
  readonly codes: Map<string, Code>;
  readonly accessTokens: Map<string, AccessToken>;
  readonly grants: Grant[];
};

export function emptyState(): State {
  return { codes: new Map(), accessTokens: new Map(), grants: [] };
}

/** A random value that says what it is, so that a leak can be found. */
export function mint(kind: 'code' | 'access' | 'refresh'): string {
  return `sim-${kind}-${randomBytes(18).toString('base64url')}`;
}

export function newGrant(state: State, profile: string, scopes: readonly string[], offline: boolean): Grant {
  const grant: Grant = { profile, scopes, offline, alive: true, refreshToken: null, earlier: new Map() };
  state.grants.push(grant);
  return grant;
}

/** Ends a grant: nothing that descends from it works any more. */
export function endGrant(grant: Grant): void {
  grant.alive = false;
}

/** The live grant of an access token; null when there is none. */
export function grantOf(state: State, accessToken: string, profile: string, now: number): Grant | null {
  const found = state.accessTokens.get(accessToken);
  if (!found || found.revoked || found.grant.profile !== profile || !found.grant.alive) return null;
  return found.expiresAt > now ? found.grant : null;
}
