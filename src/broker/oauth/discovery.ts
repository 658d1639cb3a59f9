/** Asking an issuer for its metadata. */
import type { ServerMetadata } from 'openid-client';
import { KeywardError } from '../../errors.ts';
import { egressFetch } from '../../net/fetch.ts';
import type { Operation } from './context.ts';
import { garbled } from './failures.ts';
import { askPlace, searchIn } from './search.ts';

/** Mismatch of a metadata value, in openid-client's error codes. */
const attributeMismatch = 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED';

/** Where metadata is: RFC 8414 §3.1, the same for OpenID documents (§5), and OpenID Connect Discovery §4.1. */
const places = ['oauth2', 'oidc inserted', 'oidc'] as const;

/**
 * Metadata of an issuer, wherever it publishes it; null when it does not.
 *
 * @throws KeywardError `provider_garbled` when it names another issuer, `provider_unavailable`
 */
export async function discover(operation: Operation, issuer: string): Promise<ServerMetadata | null> {
  const url = new URL(issuer);
  // Without a path, nothing can be inserted before it.
  const fit = places.filter((place) => place !== 'oidc inserted' || url.pathname !== '/');
  const { found, trouble } = await searchIn(fit, (place) => ask(operation, url, place));
  if (found === null && trouble !== null) throw trouble;
  return found;
}

/** Null when this well-known address holds no metadata. */
async function ask(operation: Operation, issuer: URL, place: (typeof places)[number]): Promise<ServerMetadata | null> {
  const openid = await import('openid-client');
  const outbound = egressFetch(
    { request: ({ url }) => askPlace(operation, nameOf(place), { url }) },
    { hosts: [issuer.host] },
  );
  // openid-client wraps whatever is thrown in here, so the reason is kept on the way.
  let failure: unknown;
  try {
    const configuration = await openid.discovery(issuer, operation.client.clientId, undefined, openid.None(), {
      algorithm: place === 'oidc' ? 'oidc' : 'oauth2',
      // Egress decides about plain http: only hosts that the operator allowed.
      execute: [openid.allowInsecureRequests],
      [openid.customFetch]: (url) =>
        outbound(
          place === 'oidc inserted'
            ? url.replace('/.well-known/oauth-authorization-server', '/.well-known/openid-configuration')
            : url,
        ).catch((error: unknown) => {
          failure = error;
          throw error;
        }),
    });
    return configuration.serverMetadata();
  } catch (error) {
    if (failure instanceof KeywardError) throw failure;
    if (error instanceof openid.ClientError && error.code === attributeMismatch) {
      throw garbled(operation, `is not the issuer it should be: the metadata at ${issuer.origin} names another one`);
    }
    return null;
  }
}

function nameOf(place: (typeof places)[number]): string {
  return place === 'oauth2' ? 'oauth-authorization-server' : 'openid-configuration';
}
