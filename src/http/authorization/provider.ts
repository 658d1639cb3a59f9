/**
 * Keyward's own authorization server, on oidc-provider: the authorization code grant with PKCE (OAuth 2.1), for public
 * clients. The library keeps the protocol; who may, what a token is and what is kept is the broker's matter.
 *
 * The library's index would write a warning below Node 22 and do nothing else about it. What it needs (`URL.parse`,
 * `crypto.hash`) is there from Node 20.19 on, so its parts are imported without the index.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { InvalidGrant, InvalidTarget } from 'oidc-provider/lib/helpers/errors.js';
import { Check, Prompt } from 'oidc-provider/lib/helpers/interaction_policy/index.js';
import { Provider } from 'oidc-provider/lib/provider.js';
import { endGrant, type Parts } from '../../broker/authorization/assistants.ts';
import { grantable } from '../../broker/authorization/choice.ts';
import { egressFetchOf } from '../../broker/authorization/documents.ts';
import { accessTokenFor, accessTokenSeconds, codeFor, refreshTokenFor } from '../../broker/authorization/tokens.ts';
import type { Broker } from '../../broker/broker.ts';
import { equalInConstantTime } from '../../broker/visitors/browser-binding.ts';
import { usualScopes } from '../../principal.ts';
import { adapterOver } from './adapter.ts';
import { settleMetadata } from './client-metadata.ts';
import { failurePage } from './failure-page.ts';
import { consentPath, paths } from './paths.ts';

export type ProviderOptions = {
  readonly broker: Broker;
  /** Origin that clients and browsers reach this Keyward at; it is the issuer. */
  readonly publicUrl: string;
  /** The only resource that tokens are for. */
  readonly resource: string;
  /** Counts a document that is fetched for this address; throws `rate_limited` for too many. */
  readonly countDocument: (address: string) => Promise<void>;
};

/** How long a person may take to answer, in seconds. */
const answerSeconds = 900;
const codeSeconds = 60;
/** Longest query of a request, in characters: what it holds is kept until a person answers. */
const maxQuery = 4_096;

export function createProvider(options: ProviderOptions): Provider {
  const { broker, publicUrl } = options;
  const provider = new Provider(publicUrl, configuration(options));
  // Behind a proxy Node sees plain http; what the routes hand over says what the public URL says.
  provider.proxy = true;
  // Koa would write what goes wrong, with all that it holds, to stderr.
  provider.silent = true;
  const failed = (_: unknown, error: Error) => broker.log.error('authorization_failed', { error: error.name });
  provider.on('server_error', failed);
  (provider as EventEmitter).on('error', (error: Error) => failed(undefined, error));
  provider.use(withinLength);
  provider.use(withUsualRequest);
  provider.use(withoutSessionCookie(provider));
  issueOwnTokens(provider, broker);
  return provider;
}

function configuration({ broker, publicUrl, resource, countDocument }: ProviderOptions): Configuration {
  const { vault } = broker;
  const secure = publicUrl.startsWith('https:');
  const cookie = { httpOnly: true, sameSite: 'lax', secure, signed: true, overwrite: true } as const;
  const prefix = secure ? '__Secure-' : '';
  return {
    adapter: adapterOver(broker),
    clientAuthMethods: ['none'],
    clientBasedCORS: () => false,
    clientDefaults: { token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' },
    cookies: {
      // Under the key of the vault as it is at that moment, so that every process signs and takes the same ones.
      keys: cookieKeys((value) => vault.proof('authorization-cookie', value)) as never,
      short: cookie,
      long: cookie,
      names: {
        interaction: `${prefix}keyward-consent`,
        resume: `${prefix}keyward-resume`,
        session: `${prefix}keyward-authorization`,
      },
    },
    extraClientMetadata: { properties: ['keyward'], validator: (_, __, ___, said) => settleMetadata(said as never) },
    features: {
      claimsParameter: { enabled: false },
      clientIdMetadataDocument: {
        enabled: true,
        ack: 'draft-02',
        // A document that was read is not asked for again at every step, and a change of it counts soon.
        cacheDuration: { min: 60, max: 300 },
        // Whoever names a client has Keyward ask a stranger's server. The page that asks a person has no context: its own
        // request was counted.
        allowFetch: async (ctx?: KoaContextWithOIDC) => {
          if (ctx === undefined) return true;
          return countDocument(ctx.ip).then(
            () => true,
            () => false,
          );
        },
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      registration: { enabled: true, idFactory: () => crypto.randomUUID(), issueRegistrationAccessToken: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, __, several) => {
          throw new InvalidTarget(
            several === undefined ? `resource must be ${resource}` : 'resource must be there once',
          );
        },
        getResourceServerInfo: (_, asked) => {
          if (asked !== resource) throw new InvalidTarget(`resource must be ${resource}`);
          return { scope: grantable.join(' '), audience: resource, accessTokenTTL: accessTokenSeconds };
        },
        useGrantedResource: () => true,
      },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    expiresWithSession: () => false,
    fetch: egressFetchOf(broker),
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { policy: [asked()], url: (_, { uid }) => consentPath(uid) },
    issueRefreshToken: () => true,
    // It has to have one, and signs nothing with it: there are no ID tokens, and tokens are opaque.
    jwks: { keys: [signingKey()] },
    loadExistingGrant: (ctx) => {
      const { grantId } = ctx.oidc.result?.consent ?? {};
      return grantId === undefined ? undefined : ctx.oidc.provider.Grant.find(grantId);
    },
    pkce: { required: () => true },
    renderError: (ctx, { error }) => {
      ctx.type = 'html';
      ctx.body = String(failurePage(String(error), ctx.query.client_id));
    },
    responseTypes: ['code'],
    revokeGrantPolicy: () => true,
    rotateRefreshToken: true,
    routes: {
      authorization: paths.authorize,
      registration: paths.register,
      revocation: paths.revoke,
      token: paths.token,
    },
    scopes: [],
    ttl: {
      AccessToken: () => accessTokenSeconds,
      AuthorizationCode: () => codeSeconds,
      // The records of the broker have the last word on these.
      Grant: () => codeSeconds,
      Interaction: () => answerSeconds,
      RefreshToken: () => accessTokenSeconds,
      Session: () => codeSeconds,
    },
  };
}

/** A person is asked each time: no earlier yes, and no request for silence, takes the place of one. */
function asked(): Prompt {
  const unanswered = (ctx: KoaContextWithOIDC) => ctx.oidc.result?.consent === undefined;
  return new Prompt(
    { name: 'consent', requestable: true },
    new Check('asked_each_time', 'a person has to be asked', 'consent_required', unanswered),
  );
}

/** The tokens and codes of the library are those of the broker: they hold what finds and proves them. */
function issueOwnTokens({ AccessToken, AuthorizationCode, RefreshToken }: Provider, parts: Parts): void {
  const own = <Token>(model: unknown, make: (token: Token) => Promise<string | null> | string) => {
    Object.assign((model as { prototype: object }).prototype, {
      async getValueAndPayload(this: Token) {
        const value = await make(this);
        if (value === null) throw new InvalidGrant('it has ended');
        return { value };
      },
    });
  };
  type Granted = { readonly grantId?: string; readonly scope?: string };
  own<Granted>(AccessToken, ({ grantId = '', scope = '' }) => accessTokenFor(parts, grantId, scope.split(' ')));
  own<Granted & Readonly<Record<string, unknown>>>(AuthorizationCode, ({ grantId = '', ...code }) => {
    const { codeChallenge, codeChallengeMethod, redirectUri, resource, scope } = code;
    const now = Math.floor(Date.now() / 1_000);
    const said = { codeChallenge, codeChallengeMethod, redirectUri, resource, scope };
    return codeFor(parts, grantId, { ...said, iat: now, exp: now + codeSeconds });
  });
  own<Granted & { readonly rotations?: number }>(RefreshToken, async ({ grantId = '', rotations = 0 }) => {
    const next = await refreshTokenFor(parts, grantId, rotations);
    // Somebody else used the one before it at this very moment.
    if (next === null) await endGrant(parts, grantId, 'reused');
    return next;
  });
}

/** Refuses a request that is too long to keep. */
async function withinLength(
  ctx: { path: string; querystring: string; status: number; type: string; body: unknown },
  next: () => Promise<unknown>,
): Promise<unknown> {
  if (ctx.path !== paths.authorize || ctx.querystring.length <= maxQuery) return next();
  ctx.status = 414;
  ctx.type = 'html';
  ctx.body = String(failurePage('invalid_request'));
}

/**
 * A client that names no scopes gets what an assistant starts with, and its one resource may be named twice. The answer goes
 * back in the query, as the metadata says: in a fragment it would go along where a client sends the browser on.
 */
function withUsualRequest(ctx: { path: string; query: object }, next: () => Promise<unknown>): Promise<unknown> {
  if (ctx.path !== paths.authorize) return next();
  const { response_mode: _, resource, ...asked } = ctx.query as Record<string, string | string[] | undefined>;
  const resources = [...new Set([resource ?? []].flat())];
  ctx.query = {
    ...asked,
    scope: asked.scope || usualScopes.join(' '),
    ...(resources.length > 0 && { resource: resources.length === 1 ? resources[0] : resources }),
  };
  return next();
}

/** Nothing is kept of the library's sessions, so browsers need not keep anything of them either. */
function withoutSessionCookie(provider: Provider) {
  const name = provider.cookieName('session');
  return async (
    ctx: {
      response: { get(name: string): unknown; set(name: string, value: string[]): void; remove(name: string): void };
    },
    next: () => Promise<unknown>,
  ) => {
    await next();
    const cookies = [ctx.response.get('set-cookie')].flat().filter((line) => typeof line === 'string' && line !== '');
    const others = (cookies as string[]).filter(
      (line) => !line.startsWith(`${name}=`) && !line.startsWith(`${name}.sig=`),
    );
    if (others.length === cookies.length) return;
    if (others.length === 0) ctx.response.remove('set-cookie');
    else ctx.response.set('set-cookie', others);
  };
}

/** What the cookies of Koa are signed with, in the shape of its key ring. */
function cookieKeys(proof: (value: string) => string) {
  const verify = (value: string, digest: string) => equalInConstantTime(digest, proof(value));
  return { sign: proof, verify, index: (value: string, digest: string) => (verify(value, digest) ? 0 : -1) };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' } as never;
}
