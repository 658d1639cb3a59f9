/** A client that proves who it is by a key (`private_key_jwt`: RFC 7523 §2.2 as rfc7523bis updates it). */
import { type KeyObject, randomUUID } from 'node:crypto';

/** The one algorithm of Keyward's key (RFC 7518 §3.4). */
export const keyAlgorithm = 'ES256';

/** A private key for {@link keyAlgorithm}, and what the published one is called. */
export type SigningKey = { readonly kid: string; readonly privateKey: KeyObject };

/** What an authorization server is shown of the key (RFC 7517 §5). */
export type PublicKeys = { readonly keys: readonly Readonly<Record<string, unknown>>[] };

/** How long one is good, in seconds: longer than a request takes, with a clock that is a little ahead. */
const lifetimeSeconds = 60;

/**
 * A new assertion, for one request.
 *
 * @param issuer the authorization server by its own name. It is the only audience: one that named an endpoint, or several
 *   servers, could be passed on to another server by the one that gets it.
 */
export async function clientAssertion(
  clientId: string,
  issuer: string,
  { kid, privateKey }: SigningKey,
): Promise<string> {
  const { SignJWT } = await import('jose');
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: keyAlgorithm, typ: 'client-authentication+jwt', kid })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(issuer)
    .setIssuedAt(now)
    .setExpirationTime(now + lifetimeSeconds)
    .setJti(randomUUID())
    .sign(privateKey);
}
