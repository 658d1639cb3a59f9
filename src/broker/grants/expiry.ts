/** When a connection will need a person again: what the service says, else what the definition knows of its lifetimes. */
import type { AuthMethod } from '../../connectors/definition/definition.ts';
import type { CredentialSecret } from '../../vault/vault.ts';

/**
 * Milliseconds since 1970; null when no end is known. Refreshing moves the end of an unused refresh token (RFC 9700
 * §4.14.2) ahead, the end of the grant stays.
 *
 * @param grantedAt when the person consented
 * @param now when the tokens were obtained
 */
export function reconnectBy(auth: AuthMethod, secret: CredentialSecret, grantedAt: number, now: number): number | null {
  // Keys end when their owner wants it, and a client needs nobody to get its next token.
  if (auth.authenticationType !== 'oauth2' || secret.kind !== 'tokens') return null;
  if (secret.refreshToken === null) return secret.expiresAt;
  const { idleLifetimeSeconds: idle, absoluteLifetimeSeconds: absolute } = auth.refresh;
  const ends = [
    secret.refreshExpiresAt ?? (idle === null ? null : now + idle * 1000),
    absolute === null ? null : grantedAt + absolute * 1000,
  ].filter((end) => end !== null);
  return ends.length === 0 ? null : Math.min(...ends);
}
