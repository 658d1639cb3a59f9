/** Registering Keyward as a client at an authorization server that takes registrations (RFC 7591). */
import type { ServerMetadata } from 'openid-client';
import type { ClientRegistration } from '../../vault/vault.ts';
import { positiveNumber, textOf } from './answer.ts';
import type { OAuthClient, Operation } from './context.ts';
import { garbled } from './failures.ts';
import { send } from './send.ts';
import { discoveredUrl } from './server.ts';
import { readAnswer } from './token-answer.ts';

type AuthMethod = ClientRegistration['tokenEndpointAuthMethod'];

/** What Keyward can do, best first: a client without a secret has none to lose, and PKCE proves that a code is its own. */
const authMethods: readonly AuthMethod[] = ['none', 'client_secret_basic', 'client_secret_post'];

/**
 * A new client at the registration endpoint; null when the server has none.
 *
 * @param about what Keyward says of itself (RFC 7591 §2)
 */
export async function register(
  operation: Operation,
  metadata: ServerMetadata,
  about: { readonly redirect_uris: readonly string[] },
): Promise<{ client: OAuthClient; registration: ClientRegistration } | null> {
  if (metadata.registration_endpoint === undefined) return null;
  const url = discoveredUrl(operation, metadata.registration_endpoint);
  // RFC 8414 §2: without a word of it, only Basic is certain.
  const supported: readonly string[] = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const wanted = authMethods.find((method) => supported.includes(method)) ?? 'none';
  const response = await send(
    operation,
    {
      url,
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/json', 'user-agent': 'keyward' },
      body: JSON.stringify({ ...about, token_endpoint_auth_method: wanted }),
    },
    'once',
  );
  const answer = readAnswer(operation, response, {});
  const clientId = identifier(answer.client_id);
  const clientSecret = identifier(answer.client_secret);
  // RFC 7591 §3.2.1: the server may have changed what was asked for.
  const given = textOf(answer.token_endpoint_auth_method) ?? wanted;
  const method = authMethods.find((known) => known === given);
  if (clientId === null || method === undefined || (method !== 'none' && clientSecret === null)) {
    throw garbled(operation, 'registered Keyward in a way that it can not use');
  }
  const ends = positiveNumber(answer.client_secret_expires_at);
  return {
    client: { clientId, clientSecret: method === 'none' ? null : clientSecret },
    registration: {
      redirectUri: about.redirect_uris[0] ?? '',
      tokenEndpointAuthMethod: method,
      expiresAt: method === 'none' || ends === null ? null : ends * 1000,
    },
  };
}

/** Printable ASCII (RFC 6749 appendix A.1 and A.2) of a length that can be kept: it is shown in pages and terminals. */
function identifier(value: unknown): string | null {
  const text = textOf(value);
  return text !== null && /^[\x20-\x7e]{1,4096}$/.test(text) ? text : null;
}
