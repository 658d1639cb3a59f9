/** Bearer authentication (RFC 6750): session tokens that Keyward issued, and JWTs of the configured issuer. */
import { createHash } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { boundedMap } from '../../bounded-map.ts';
import { isAccessToken, principalOfAssistant } from '../../broker/authorization/tokens.ts';
import type { Broker } from '../../broker/broker.ts';
import { missingScope, who } from '../../broker/policy/policy.ts';
import { isSessionToken, principalOfSession } from '../../broker/sign-in/sessions.ts';
import { errorCodes, hasCode, KeywardError, toPublic } from '../../errors.ts';
import type { Principal, Scope } from '../../principal.ts';
import { whenOver } from '../listener/node-response.ts';
import type { Limits } from '../middleware/rate-limits.ts';
import type { RequestEnv } from '../request-env.ts';
import { createVerifiers, type IssuerSettings, type Verified } from './issuer-tokens.ts';

/** What handlers behind the check find in the context. */
export type BearerEnv = { Variables: RequestEnv['Variables'] & { principal: Principal } };

/** Why a request is not let through, and what its answer carries; each interface words it in its own body. */
export type Refusal = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly error: KeywardError;
};

/** The body of a refusal's answer. */
type RefusalBody = (refusal: Refusal) => unknown;

/** What the challenge names. */
type Wanted = {
  readonly scopes: readonly Scope[];
  /**
   * The status for a header that holds no bearer credential at all, or what can't be a token: 400 (RFC 6750 §3.1
   * `invalid_request`) where an interface documents that, by default 401 as for any other token.
   */
  readonly malformedIs?: 400 | 401;
};

export type Bearer = {
  /**
   * Answers what goes wrong itself, mostly with 401, else sets `c.var.principal`. The challenge names these scopes (RFC
   * 6750 §3), which a client asks for before those of the protected resource metadata. It checks none of them.
   */
  middleware(wanted: Wanted, bodyOf?: RefusalBody): MiddlewareHandler<BearerEnv>;
  /** Throws `unauthenticated`, or `provider_unavailable` when the issuer can't be asked. */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /** As `authenticate`, and counts the request: throws `rate_limited` too. */
  admit(authorization: string | undefined, address: string): Promise<Principal>;
  /** What is answered instead, after `admit` threw, with a challenge that names these scopes. */
  refusal(error: KeywardError, authorization: string | undefined, wanted: Wanted): Refusal;
  /** Adds the challenge of RFC 6750 §3 for a principal that lacks a scope. */
  challengeScope(c: Context, principal: Principal, scope: Scope): void;
  /** The answer to a principal that lacks a scope for an action, with the challenge. The refusal is audited. */
  lacking(principal: Principal, action: string, scope: Scope): Promise<Refusal>;
};

type BearerOptions = {
  readonly broker: Broker;
  /** Null: Keyward lets people's programs in itself. */
  readonly issuer: IssuerSettings | null;
  /** Whose tokens are accepted besides. */
  readonly issuers?: readonly IssuerSettings[];
  /** What tokens are for: the address of the MCP endpoint. Null where nobody is told how to get one. */
  readonly resource: string | null;
  readonly limits: Pick<Limits, 'badBearer' | 'principal'>;
};

/** Longest token that is looked at. */
const maxToken = 16_384;
/** Verified tokens that are remembered; past this many the oldest is verified anew. */
const maxRemembered = 10_000;

const bearerForm = /^Bearer +([\w.~+/-]+=*) *$/i;

export function createBearer({ broker, issuer, issuers = [], resource, limits }: BearerOptions): Bearer {
  const known = [...(issuer === null ? [] : [issuer]), ...issuers];
  const verify = createRemembering(createVerifiers(broker.egress, known));
  const metadata = resource === null ? [] : [`resource_metadata="${metadataUrl(resource)}"`];
  const challenge = (...parts: string[]): string => `Bearer ${[...parts, ...metadata].join(', ')}`.trim();
  /** Where an issuer signs people in, no assistant comes with a token of Keyward's own. */
  const ofAssistants = issuer === null ? resource : null;
  const others = async (token: string): Promise<Principal | null> => {
    if (!isAccessToken(token)) return verify(token);
    return ofAssistants === null ? null : principalOfAssistant(broker, token, ofAssistants);
  };

  const authenticate = async (authorization: string | undefined): Promise<Principal> => {
    const token = bearerForm.exec(authorization ?? '')?.[1];
    if (token === undefined || token.length > maxToken) throw unauthenticated(known);
    const found = isSessionToken(token) ? await principalOfSession(broker, token, ofAssistants) : await others(token);
    if (!found) throw unauthenticated(known);
    return found;
  };

  const admit: Bearer['admit'] = async (authorization, address) => {
    try {
      const principal = await authenticate(authorization);
      await limits.principal(principal);
      return principal;
    } catch (error) {
      // To come without one is how a client learns what it needs.
      if (authorization !== undefined && hasCode(error, 'unauthenticated')) await limits.badBearer(address);
      throw error;
    }
  };

  /** With the scopes that it has: a client asks for exactly what the challenge names. */
  const challengeOf = (principal: Principal, scope: Scope): string =>
    challenge('error="insufficient_scope"', wantedScopes([...principal.scopes, scope]));

  const refusal: Bearer['refusal'] = (error, authorization, { scopes, malformedIs = 401 }) => {
    if (error.code === 'unauthenticated') {
      const malformed = malformedIs === 400 && authorization !== undefined && !isBearer(authorization);
      const code = malformed ? 'invalid_request' : 'invalid_token';
      const wrong = authorization === undefined ? [] : [`error="${code}"`];
      const headers = { 'WWW-Authenticate': challenge(...wrong, wantedScopes(scopes)) };
      return malformed
        ? { status: 400, headers, error: new KeywardError('unauthenticated', 'Invalid JWT format') }
        : { status: 401, headers, error };
    }
    const status = errorCodes[error.code];
    const headers: Record<string, string> = {};
    if (status === 429 || status === 503) headers['Retry-After'] = String(error.details.retryAfterSeconds ?? 5);
    return { status, headers, error };
  };

  return {
    authenticate,
    admit,
    refusal,
    challengeScope: (c, principal, scope) => c.header('WWW-Authenticate', challengeOf(principal, scope)),
    async lacking(principal, action, scope) {
      const error = missingScope(scope);
      await broker.refusals.note({ ...who(principal), action, outcome: 'refused', code: error.code });
      const headers = { 'WWW-Authenticate': challengeOf(principal, scope) };
      return { status: errorCodes[error.code], headers, error };
    },
    middleware:
      (wanted, bodyOf = plainBody) =>
      async (c, next) => {
        const authorization = c.req.header('authorization');
        let end = () => {};
        try {
          const principal = await admit(authorization, c.get('client').address);
          c.set('principal', principal);
          end = await broker.underWay.requests.take(principal);
        } catch (error) {
          if (!(error instanceof KeywardError)) throw error;
          return answerRefusal(c, refusal(error, authorization, wanted), bodyOf);
        }
        // Until the answer is sent: it may be a stream.
        const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
        if (outgoing === undefined || outgoing.closed) return next().finally(end);
        whenOver(outgoing, end);
        return next();
      },
  };
}

/** Where the metadata of a resource is (RFC 9728 §3.1). */
function metadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}${metadataPath}${pathname}`;
}

/** Where the metadata of the resource at the root would be. */
export const metadataPath = '/.well-known/oauth-protected-resource';

/** The answer of Hono to a refusal. */
export function answerRefusal(c: Context, refusal: Refusal, bodyOf: RefusalBody = plainBody): Response {
  return c.json(bodyOf(refusal) as object, refusal.status as ContentfulStatusCode, refusal.headers);
}

/** The parameter of a challenge that says which scopes to come back with. */
function wantedScopes(scopes: readonly Scope[]): string {
  return `scope="${[...new Set(scopes)].join(' ')}"`;
}

/** As everywhere but in the documented interfaces of others. */
function plainBody({ error }: Refusal): unknown {
  return { error: toPublic(error) };
}

/** True for a header whose token could be one: of Keyward's own, known or not, or a JWT, whoever signed it. */
function isBearer(authorization: string): boolean {
  const token = bearerForm.exec(authorization)?.[1] ?? '';
  if (/^kwa?_/.test(token)) return true;
  try {
    return decodeProtectedHeader(token) !== null && decodeJwt(token) !== null;
  } catch {
    return false;
  }
}

/** One text for every reason: people who try tokens must not learn what is wrong with one. */
function unauthenticated(issuers: readonly IssuerSettings[]): KeywardError {
  const others = issuers.length === 0 ? '' : ', or a token of the issuer';
  return new KeywardError('unauthenticated', 'This needs a valid bearer token.', {
    hint: `Send Authorization: Bearer with a session token, which keyward token create makes${others}.`,
  });
}

/** Signatures are checked once for each key set: a verified token is known by its hash while it is good. */
function createRemembering(verify: (token: string) => Promise<Verified | null>) {
  const remembered = boundedMap<string, Verified>(maxRemembered);
  return async (token: string): Promise<Principal | null> => {
    const hash = createHash('sha256').update(token).digest('base64');
    const before = remembered.get(hash);
    if (before?.isGood()) return before.principal;
    // It stays known, so that its end needs no issuer that can be asked.
    if (before?.isOver()) return null;
    const verified = await verify(token);
    if (verified === null) return null;
    remembered.set(hash, verified);
    return verified.principal;
  };
}
