/** Registering Keyward as a client at an authorization server that takes registrations (RFC 7591). */
import type { ServerMetadata } from 'openid-client';
import { hasCode, type KeywardError } from '../../errors.ts';
import { positiveNumber, textOf } from './answer.ts';
import { keyAlgorithm, type PublicKeys } from './client-assertion.ts';
import { type OAuthClient, type Operation, scopesOf } from './context.ts';
import { garbled } from './failures.ts';
import { send } from './send.ts';
import { discoveredUrl } from './server.ts';
import { readAnswer } from './token-answer.ts';

type AuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

/** What a client was registered with. */
type Registration = {
  readonly redirectUri: string;
  /** RFC 7591 §2. */
  readonly tokenEndpointAuthMethod: AuthMethod;
  /** When the client secret ends, in milliseconds since 1970; null never. */
  readonly expiresAt: number | null;
  /** The scopes that it was made for; null: whatever is asked for. */
  readonly scopes: readonly string[] | null;
};

/**
 * What Keyward can do, best first: a client without a secret has none to lose, and PKCE proves that a code is its own. The
 * key comes last, because every server that sees it could tell that two registrations are of one Keyward.
 */
const authMethods: readonly AuthMethod[] = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'];

/** What Keyward says of itself (RFC 7591 §2). */
type About = { readonly redirect_uris: readonly string[]; readonly scope?: string };

/** How a server takes its clients by key; false where it takes none, or none with Keyward's algorithm. */
export function takesKey(metadata: ServerMetadata): boolean {
  const {
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: algorithms,
  } = metadata;
  return methods?.includes('private_key_jwt') === true && algorithms?.includes(keyAlgorithm) !== false;
}

/** True for a server that says how clients authenticate, and wants something of all of them. */
export function wantsProof({ token_endpoint_auth_methods_supported: methods }: ServerMetadata): boolean {
  return methods !== undefined && !methods.includes('none');
}

/**
 * A new client at the registration endpoint; null when there is none, or when the server wants no client like Keyward:
 * then a person registers one. What it refuses is left out, and asked once more: the scopes, and the address of loopback
 * where only its name is known (`localhost`).
 *
 * @param keys Keyward's key, where the server takes nothing else
 * @throws KeywardError `provider_unavailable` for a server in trouble, `provider_garbled` for a client that can't be used
 */
export async function register(
  operation: Operation,
  metadata: ServerMetadata,
  about: { readonly redirect_uris: readonly string[] },
  keys: () => Promise<PublicKeys>,
): Promise<{ client: OAuthClient; registration: Registration } | null> {
  if (metadata.registration_endpoint === undefined) return null;
  const url = discoveredUrl(operation, metadata.registration_endpoint);
  // RFC 8414 §2: without a word of it, only Basic is certain.
  const supported: readonly string[] = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const usable = authMethods.filter((method) => method !== 'private_key_jwt' || takesKey(metadata));
  const wanted = usable.find((method) => supported.includes(method)) ?? 'none';
  const proof =
    wanted === 'private_key_jwt' ? { jwks: await keys(), token_endpoint_auth_signing_alg: keyAlgorithm } : {};
  const scopes = scopesOf(operation);
  let asked: About = { ...about, ...proof, ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
  for (;;) {
    try {
      return await ask(operation, url, asked, wanted);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const simpler = simplerThan(asked, error.details.providerError);
      if (simpler === null) return null;
      asked = simpler;
    }
  }
}

/** The redirect URI with loopback by its name: some servers register no address of it. */
export function byName(redirectUri: string): string {
  return redirectUri.replace(/^http:\/\/127\.0\.0\.1(?=[:/])/, 'http://localhost');
}

/** A refusal in the protocol's words, or a page with an error's status. */
function isRefusal(error: unknown): error is KeywardError {
  return (
    hasCode(error, 'provider_refused') || (hasCode(error, 'provider_garbled') && (error.details.status ?? 0) >= 400)
  );
}

/** What to ask for after a refusal; null where nothing is left to give up. */
function simplerThan({ scope, ...about }: About, code: string | undefined): About | null {
  const named = about.redirect_uris.map(byName);
  const byAddress = named.some((uri, index) => uri !== about.redirect_uris[index]);
  if (code === 'redirect_uri_mismatch') {
    return byAddress ? { ...about, redirect_uris: named, ...(scope !== undefined && { scope }) } : null;
  }
  return scope === undefined ? null : about;
}

async function ask(operation: Operation, url: URL, about: About, wanted: AuthMethod) {
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
  const method = methodOf(textOf(answer.token_endpoint_auth_method), clientSecret, wanted);
  const withSecret = method === 'client_secret_basic' || method === 'client_secret_post';
  if (clientId === null || method === undefined || (withSecret && clientSecret === null)) {
    throw garbled(operation, 'registered Keyward in a way that it can not use');
  }
  const ends = positiveNumber(answer.client_secret_expires_at);
  return {
    client: { clientId, clientSecret: withSecret ? clientSecret : null },
    registration: {
      redirectUri: about.redirect_uris[0] ?? '',
      tokenEndpointAuthMethod: method,
      scopes: about.scope?.split(' ') ?? null,
      expiresAt: withSecret && ends !== null ? ends * 1000 : null,
    },
  };
}

/**
 * How the client authenticates. RFC 7591 §3.2.1: the server may have changed what was asked for. Some give a secret and
 * say `none`, or nothing, which is Basic (§2): a secret is there to be used.
 */
function methodOf(given: string | null, secret: string | null, wanted: AuthMethod): AuthMethod | undefined {
  if (secret !== null && (given === null || given === 'none'))
    return wanted === 'client_secret_post' ? wanted : 'client_secret_basic';
  // A server that was given no key has none to compare with.
  if (given === 'private_key_jwt' && wanted !== given) return undefined;
  return authMethods.find((known) => known === (given ?? wanted));
}

/** Printable ASCII (RFC 6749 appendix A.1 and A.2) of a length that can be kept: it is shown in pages and terminals. */
function identifier(value: unknown): string | null {
  const text = textOf(value);
  return text !== null && /^[\x20-\x7e]{1,4096}$/.test(text) ? text : null;
}
