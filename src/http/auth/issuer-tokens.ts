/** The configured issuer: its metadata and keys, asked for through egress, and the JWTs that they vouch for. */

import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  type JWKSCacheInput,
  type JWTPayload,
  jwksCache,
  jwtVerify,
  type RemoteJWKSet,
} from 'jose';
import type { Broker } from '../../broker/broker.ts';
import { type ClaimNames, fits, personIn } from '../../broker/sign-in/claims.ts';
import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { type Principal, type Scope, scopes } from '../../principal.ts';

/** The issuer, and which claims of its tokens say what. */
export type IssuerSettings = ClaimNames & {
  readonly audience: string;
  /** Null: `scope`, else `scp`; of an issuer with `granted`, none. */
  readonly scopeClaim: string | null;
  /** Of a further issuer: what its tokens may do at most, and the claims that have to fit. */
  readonly granted?: {
    readonly scopes: readonly Scope[];
    readonly required: Readonly<Record<string, readonly string[]>>;
  };
};

export type Verified = {
  readonly principal: Principal;
  /** True until the token expires, for as long as the issuer's keys are known to be those that vouched for it. */
  readonly isGood: () => boolean;
  /** True once it has expired, whatever the issuer says. */
  readonly isOver: () => boolean;
};

/** Signatures that are believed. */
export const algorithms = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'];
/** How long metadata and keys are kept: a token under a key that the issuer withdrew is refused after that at the latest. */
const maxAgeMs = 300_000;
/** After a failure the issuer is left alone this long. */
const retryAfterMs = 5_000;
const timeoutMs = 3_000;
/** Clocks of other machines may differ by this many seconds. */
export const clockTolerance = 30;
/** A token that is issued in the future, by more seconds than this, was not issued. */
export const maxAhead = 60;

/**
 * A function that verifies a JWT access token (RFC 9068, or one like it) and says who it stands for. Null for a token
 * that is not accepted, whatever the reason.
 *
 * @throws KeywardError `provider_unavailable` when the issuer can't be asked: that says nothing about the token
 */
function createVerifier(egress: Broker['egress'], settings: IssuerSettings) {
  const keys = createKeySource(egress, settings.issuer);
  return async (token: string): Promise<Verified | null> => {
    const strict = isMarkedAccessToken(token);
    if (strict === null) return null;
    const { find, published } = await keys();
    try {
      const { payload } = await jwtVerify(token, find, {
        issuer: settings.issuer,
        audience: settings.audience,
        algorithms,
        clockTolerance,
        requiredClaims: ['exp', 'sub', 'iat'],
      });
      if (!strict && isIdToken(payload, settings)) return null;
      const { iat = 0, exp = 0 } = payload;
      if (iat > Date.now() / 1_000 + maxAhead) return null;
      const principal = principalOf(payload, settings);
      const vouching = published();
      if (principal === null) return null;
      return {
        principal,
        isGood: () => Date.now() < exp * 1_000 && published() === vouching,
        isOver: () => Date.now() >= (exp + clockTolerance) * 1_000,
      };
    } catch (error) {
      if (error instanceof KeywardError) throw error;
      if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) throw issuerUnavailable();
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  };
}

/** A function as of `createVerifier` for several issuers: a token is looked at by the one that it names, and by no other. */
export function createVerifiers(egress: Broker['egress'], issuers: readonly IssuerSettings[]) {
  const verifiers = new Map(issuers.map((settings) => [settings.issuer, createVerifier(egress, settings)]));
  return async (token: string): Promise<Verified | null> =>
    (await verifiers.get(issuerIn(token) ?? '')?.(token)) ?? null;
}

/** The issuer that a token names, which proves nothing yet. */
function issuerIn(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? null;
  } catch {
    return null;
  }
}

/** True for `at+jwt`, false for the types that say nothing, null for any other and for what is no JWT. */
function isMarkedAccessToken(token: string): boolean | null {
  try {
    const { typ } = decodeProtectedHeader(token);
    const type = typ?.toLowerCase().replace(/^application\//, '');
    if (type === 'at+jwt') return true;
    return type === undefined || type === 'jwt' ? false : null;
  } catch {
    return null;
  }
}

/** ID tokens of the same issuer are for somebody else's client. They carry one of these, and never a scope. */
function isIdToken(payload: JWTPayload, { scopeClaim, granted }: IssuerSettings): boolean {
  const own = ['nonce', 'at_hash', 'c_hash', 's_hash'].some((claim) => claim in payload);
  const scoped = ['scope', 'scp', ...(scopeClaim === null ? [] : [scopeClaim])].some((claim) => claim in payload);
  // A workload's token says no scopes: its audience and the claims that it has to have tell whom it is for.
  const workload = granted !== undefined && scopeClaim === null;
  return own || payload.token_use === 'id' || payload.typ === 'ID' || !(scoped || workload);
}

function principalOf(payload: JWTPayload, settings: IssuerSettings): Principal | null {
  const { granted } = settings;
  const person = personIn(payload, settings);
  if (person === null || (granted && !fits(payload, granted.required))) return null;
  const claim = settings.scopeClaim === null ? (payload.scope ?? payload.scp) : payload[settings.scopeClaim];
  const given = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  const said = granted && settings.scopeClaim === null ? granted.scopes : given;
  const held = (granted?.scopes ?? scopes).filter((scope) => said.includes(scope));
  // RFC 9068 §2.2; `azp` where a server follows OpenID Connect instead.
  const client = payload.client_id ?? payload.azp;
  const via = typeof client === 'string' ? { via: `client ${client}` } : {};
  return { ...person, scopes: new Set<Scope>(held), ...via };
}

type IssuerKeys = {
  /** The key that a token names. */
  readonly find: RemoteJWKSet;
  /** The key set as it was fetched last; null once it has to be asked for again. */
  readonly published: () => JSONWebKeySet | null;
};

/** The issuer's keys: found through its metadata, which is asked for again every five minutes. */
export function createKeySource(egress: Broker['egress'], issuer: string): () => Promise<IssuerKeys> {
  let known: { readonly uri: string; readonly keys: IssuerKeys } | undefined;
  let askAgainAt = 0;
  let asking: Promise<void> | undefined;

  const ask = async (): Promise<void> => {
    try {
      const uri = await discoverKeys(egress, issuer);
      if (uri !== known?.uri) known = { uri, keys: remoteKeys(egress, uri) };
      askAgainAt = performance.now() + maxAgeMs;
    } catch {
      // What is known stays good: keys move far less often than networks fail.
      askAgainAt = performance.now() + retryAfterMs;
    }
  };

  return async () => {
    if (performance.now() >= askAgainAt) {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
    }
    await asking;
    if (known === undefined) throw issuerUnavailable();
    return known.keys;
  };
}

/** Keys are kept five minutes, and asked for earlier when a token names an unknown one, at most every 30 s. */
function remoteKeys(egress: Broker['egress'], uri: string): IssuerKeys {
  const cache: JWKSCacheInput = {};
  const find = createRemoteJWKSet(new URL(uri), {
    cooldownDuration: 30_000,
    cacheMaxAge: maxAgeMs,
    timeoutDuration: timeoutMs,
    [jwksCache]: cache,
    [customFetch]: async (url) => {
      const body = await getJson(egress, new URL(url));
      if (body === null) throw issuerUnavailable();
      return Response.json(body);
    },
  });
  return { find, published: () => (find.fresh ? (cache.jwks ?? null) : null) };
}

/** `jwks_uri` of RFC 8414 metadata, else of OpenID Connect Discovery. */
async function discoverKeys(egress: Broker['egress'], issuer: string): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const places = [`/.well-known/oauth-authorization-server${path}`, `${path}/.well-known/openid-configuration`];
  for (const place of places) {
    const metadata = await getJson(egress, new URL(place, origin));
    if (metadata?.issuer === issuer && typeof metadata.jwks_uri === 'string') return metadata.jwks_uri;
  }
  throw issuerUnavailable();
}

/** A JSON object; null when there is none at this address. */
async function getJson(egress: Broker['egress'], url: URL): Promise<Record<string, unknown> | null> {
  const headers = { accept: 'application/json' };
  const { status, body } = await egress.request({ url, hosts: [url.host], headers, timeoutMs });
  if (status !== 200) return null;
  try {
    const content: unknown = parseJson(Buffer.from(body).toString('utf8'));
    return typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Says nothing about a token: the issuer could not be asked. */
export function issuerUnavailable(): KeywardError {
  return new KeywardError('provider_unavailable', 'The issuer of the bearer token can not be asked at the moment.', {
    hint: 'Try again in a few seconds. Whoever runs Keyward: check KEYWARD_ISSUER and KEYWARD_EGRESS_ALLOW.',
    details: { retryAfterSeconds: retryAfterMs / 1_000 },
  });
}
