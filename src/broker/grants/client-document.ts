/**
 * Who Keyward is, as authorization servers read it: the client metadata document, whose address is the client id
 * (draft-ietf-oauth-client-id-metadata-document), and what a registration says (RFC 7591 §2).
 */
import { isDeepStrictEqual } from 'node:util';
import { hasCode } from '../../errors.ts';
import type { Broker } from '../broker.ts';
import { type Answer, parseAnswer } from '../oauth/answer.ts';
import { keyAlgorithm } from '../oauth/client-assertion.ts';
import { clientKey, findClientKey } from './client-key.ts';
import { sharedRedirectUri } from './redirect-uri.ts';

/** How a client of a document authenticates: a secret could not be in it. */
export type DocumentMethod = 'none' | 'private_key_jwt';

type Document = Readonly<Record<string, unknown>>;

/** What Keyward says of itself (RFC 7591 §2). */
export function clientMetadata(redirectUri: string) {
  return {
    client_name: 'Keyward',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: redirectUri.startsWith('https:') ? 'web' : 'native',
  };
}

/** True where authorization servers can read documents that Keyward serves: one for each server. */
export function servesDocuments({ pages }: Pick<Broker, 'pages'>): boolean {
  return pages.callbackOrigin.startsWith('https:');
}

/** Address of the document that Keyward serves for one server, by the name that it has there. */
export function servedClientId({ pages }: Pick<Broker, 'pages'>, name: string, method: DocumentMethod): string {
  return `${pages.callbackOrigin}/oauth/client/${name}${method === 'none' ? '' : byKey}`;
}

/** How the address of a document ends whose client authenticates by its key. */
const byKey = '.jwt';

/**
 * The document at `<public url>/oauth/client/<file>`; null for a name that Keyward never gives itself. Anybody may ask, so
 * nothing is made here.
 */
export async function servedDocument(broker: Pick<Broker, 'pages' | 'vault'>, file: string): Promise<Document | null> {
  const [, name, key] = /^([a-z0-9]+(?:[.-][a-z0-9]+)*\.[0-9a-f]{16})(\.jwt)?$/.exec(file) ?? [];
  if (name === undefined || !servesDocuments(broker)) return null;
  const method = key === undefined ? 'none' : 'private_key_jwt';
  const keys = key === undefined ? null : await findClientKey(broker);
  if (key !== undefined && keys === null) return null;
  return {
    client_id: servedClientId(broker, name, method),
    ...clientMetadata(`${broker.pages.callbackOrigin}/oauth/callback/${name}`),
    ...authentication(keys?.publicKeys ?? null),
  };
}

/**
 * The document to put at `KEYWARD_CLIENT_METADATA_URL`, or at another address.
 *
 * @param method with `private_key_jwt` it holds the public key of this vault
 */
export async function documentFor(
  broker: Pick<Broker, 'pages' | 'vault'>,
  clientId: string,
  method: DocumentMethod,
): Promise<Document> {
  const keys = method === 'none' ? null : (await clientKey(broker)).publicKeys;
  return {
    client_id: clientId,
    ...clientMetadata(sharedRedirectUri(broker.pages.callbackOrigin)),
    ...authentication(keys),
  };
}

function authentication(jwks: object | null) {
  if (jwks === null) return { token_endpoint_auth_method: 'none' };
  return {
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: keyAlgorithm,
    jwks,
  };
}

/** A document as it was found at its address. */
type ReadDocument = {
  /** How clients authenticate with it. */
  readonly method: DocumentMethod;
  /** What a server would stumble over, each as a sentence without its subject; empty when the document serves. */
  readonly problems: readonly string[];
};

/** Longest document that every server reads, in bytes (draft, section “Maximum Response Size”). */
const maxBytes = 5 * 1024;
const askWithinMs = 10_000;

/** Reads the document at this address as an authorization server would, and compares it with what belongs there. */
export async function readDocument(broker: Broker, address: string): Promise<ReadDocument> {
  const url = new URL(address);
  const asked = { url, headers: { accept: 'application/json' }, hosts: [url.host], timeoutMs: askWithinMs, maxBytes };
  const answer = await broker.egress.request(asked).catch((error: unknown) => {
    if (hasCode(error, 'egress_too_large')) return `is longer than the ${maxBytes} bytes that servers read`;
    if (hasCode(error, 'provider_unavailable', 'egress_refused', 'provider_garbled'))
      return `can not be read: ${error.message}`;
    throw error;
  });
  if (typeof answer === 'string') return { method: 'none', problems: [answer] };
  // Servers follow no redirect and take no other status.
  if (answer.status !== 200)
    return { method: 'none', problems: [`answers with status ${answer.status} instead of 200`] };
  const found = parseAnswer(answer.body);
  if (found === null) return { method: 'none', problems: ['is no JSON object'] };
  const method = found.token_endpoint_auth_method === 'private_key_jwt' ? 'private_key_jwt' : 'none';
  return { method, problems: differences(found, await documentFor(broker, address, method)) };
}

/** Fields where the document may say more than Keyward needs. */
const lists = ['redirect_uris', 'grant_types', 'response_types'] as const;

/** Where a document says something else than it has to; what else it says, such as a logo, is its owner's. */
function differences(found: Answer, wanted: Document): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    const given = found[name];
    if (name === 'client_name' && typeof given === 'string' && given !== '') continue;
    const isList = lists.some((list) => list === name) && Array.isArray(given) && Array.isArray(value);
    const same = isList ? value.every((one) => given.includes(one)) : isDeepStrictEqual(given, value);
    if (same) continue;
    problems.push(
      `says ${given === undefined ? 'nothing' : 'something else'} for ${name}, which must ${isList ? 'hold' : 'be'} ${JSON.stringify(value)}`,
    );
  }
  // A secret in a public file is none, and servers refuse such a document.
  for (const name of ['client_secret', 'client_secret_expires_at']) {
    if (found[name] !== undefined) problems.push(`holds ${name}, which everybody can read`);
  }
  return problems;
}
