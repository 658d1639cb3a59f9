/** Keyward as an OpenID Connect client of the configured issuer, through openid-client and egress. */
import type { Configuration, CustomFetch, ServerMetadata } from 'openid-client';
import { type ErrorDetails, KeywardError } from '../../errors.ts';
import type { Egress } from '../../net/egress.ts';
import { egressFetch } from '../../net/fetch.ts';
import { authenticate } from '../oauth/client-auth.ts';
import type { OAuthClient } from '../oauth/context.ts';

type OpenId = typeof import('openid-client');

/** The client as it is registered at the issuer. */
export type IssuerClient = OAuthClient & { readonly redirectUri: string };

/** Runs something with the issuer. Whatever goes wrong is a KeywardError in Keyward's own words. */
type AskIssuer = <T>(work: (openid: OpenId, configuration: Configuration) => Promise<T>) => Promise<T>;

const timeoutMs = 10_000;
/** Metadata is asked for again after this time. */
const metadataMaxAgeMs = 600_000;
/** After a failure the issuer is left alone this long. */
const retryAfterMs = 5_000;

export function issuerAsker(egress: Egress, issuer: string, client: IssuerClient): AskIssuer {
  let known: { readonly metadata: Promise<ServerMetadata>; until: number } | undefined;

  /** Asked for once, however many people sign in at this moment. */
  const metadataNow = (): Promise<ServerMetadata> => {
    if (known !== undefined && performance.now() < known.until) return known.metadata;
    const metadata = sending(egress, (openid, fetch) => discover(openid, issuer, client.clientId, fetch));
    const asked = { metadata, until: performance.now() + metadataMaxAgeMs };
    metadata.catch(() => {
      asked.until = performance.now() + retryAfterMs;
    });
    known = asked;
    return metadata;
  };

  return (work) =>
    sending(egress, async (openid, fetch) => {
      const metadata = await metadataNow();
      const listed = metadata.token_endpoint_auth_methods_supported?.includes('client_secret_post') ?? false;
      const auth = authenticate(client, listed ? 'client_secret_post' : 'client_secret_basic');
      const configuration = new openid.Configuration(metadata, client.clientId, undefined, auth);
      if (usesHttp(issuer)) openid.allowInsecureRequests(configuration);
      // The ID token's signature is checked too, not only from where it came.
      openid.enableNonRepudiationChecks(configuration);
      configuration.timeout = 0;
      configuration[openid.customFetch] = fetch;
      return work(openid, configuration);
    });
}

/** Runs what openid-client does with a `fetch` through egress, and puts what goes wrong into Keyward's own words. */
async function sending<T>(egress: Egress, work: (openid: OpenId, fetch: CustomFetch) => Promise<T>): Promise<T> {
  const openid = await import('openid-client');
  // openid-client wraps whatever is thrown in here, so the reason is kept on the way.
  let unsent = false;
  const fetch: CustomFetch = async (url, { body, ...init }) => {
    const send = egressFetch(egress, { hosts: [new URL(url).host], timeoutMs });
    try {
      return await send(url, { ...init, body: body instanceof URLSearchParams ? body : null });
    } catch (error) {
      unsent = true;
      throw error;
    }
  };
  try {
    return await work(openid, fetch);
  } catch (error) {
    if (error instanceof KeywardError) throw error;
    throw unsent ? issuerUnavailable() : worded(openid, error);
  }
}

/** Metadata of the issuer (OpenID Connect Discovery), which must call itself exactly as it is configured. */
async function discover(openid: OpenId, issuer: string, clientId: string, fetch: CustomFetch): Promise<ServerMetadata> {
  const found = await openid.discovery(new URL(issuer), clientId, undefined, openid.None(), {
    execute: usesHttp(issuer) ? [openid.allowInsecureRequests] : [],
    [openid.customFetch]: fetch,
  });
  const metadata = found.serverMetadata();
  if (metadata.issuer === issuer) return metadata;
  throw garbled();
}

/** An issuer on loopback may be reached by plain http, and only then anything of it (egress has the last word). */
function usesHttp(issuer: string): boolean {
  return new URL(issuer).protocol === 'http:';
}

/** Never the library's own error: its cause holds the answer, tokens and all. */
function worded(openid: OpenId, error: unknown): KeywardError {
  if (error instanceof openid.AuthorizationResponseError || error instanceof openid.ResponseBodyError) {
    const code = /^[a-z_]{1,64}$/.exec(error.error)?.[0];
    const details: ErrorDetails = { signIn: true, ...(code === undefined ? {} : { providerError: code }) };
    return code === 'access_denied'
      ? new KeywardError('provider_refused', 'You were not signed in at the issuer.', { details })
      : new KeywardError('provider_refused', `The issuer did not sign you in${code ? `: ${code}` : ''}.`, {
          hint: 'Sign in once more. If it happens every time, whoever runs Keyward has to look at its client at the issuer: client id, client secret and redirect URI.',
          details,
        });
  }
  return garbled();
}

function garbled(): KeywardError {
  return new KeywardError(
    'provider_garbled',
    'The issuer answered with something that OpenID Connect does not allow.',
    {
      hint: 'Sign in once more. If it happens every time, whoever runs Keyward has to look at KEYWARD_ISSUER and the client there.',
      details: { signIn: true },
    },
  );
}

function issuerUnavailable(): KeywardError {
  return new KeywardError('provider_unavailable', 'The issuer can not be asked at the moment.', {
    hint: 'Try again in a few seconds. Whoever runs Keyward: check KEYWARD_ISSUER and KEYWARD_EGRESS_ALLOW.',
    details: { signIn: true },
  });
}
