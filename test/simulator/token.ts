/** The token endpoint: what is asked for, whether it is right, and what comes out, before it is given its odd shape. */
import { createHash } from 'node:crypto';
import type { Place } from './authorize.ts';
import { isClient } from './client.ts';
import { paramsOf, type Request } from './request.ts';
import { endGrant, type Grant, mint, newGrant, type State } from './state.ts';

export type Issued = {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly lifetime: number | null;
  readonly scopes: readonly string[];
};

/** Tokens, or a standard error code (RFC 6749 §5.2). */
export type Outcome = { readonly issued: Issued } | { readonly error: string };

const graceMs = 30_000;

export function token(state: State, place: Place, request: Request): Outcome {
  const { profile } = place;
  const params = paramsOf(request, profile.body);
  if (params === null) return { error: 'invalid_request' };
  const missing = Object.entries(profile.tokenHeaders).some(([name, value]) => request.headers[name] !== value);
  if (missing) return { error: 'invalid_request' };
  const grantType = params.get('grant_type');
  const auth = grantType === 'refresh_token' ? profile.refreshAuth : profile.clientAuth;
  if (!isClient(request, params, auth, profile.clientIdParam)) return { error: 'invalid_client' };
  switch (grantType) {
    case 'authorization_code':
      return byCode(state, place, params);
    case 'refresh_token':
      return byRefresh(state, place, params);
    case 'client_credentials': {
      const scopes = (params.get(profile.scopeParam) ?? '').split(profile.scopeSeparator);
      const grant = newGrant(
        state,
        place.name,
        scopes.filter((scope) => scope !== ''),
        false,
      );
      return { issued: issue(state, place, grant) };
    }
    default:
      return { error: 'unsupported_grant_type' };
  }
}

function byCode(state: State, place: Place, params: URLSearchParams): Outcome {
  if (!carries(params, place.profile.exchangeParams)) return { error: 'invalid_request' };
  const code = state.codes.get(params.get('code') ?? '');
  if (code === undefined || code.grant.profile !== place.name) return { error: 'invalid_grant' };
  if (code.used) {
    // RFC 6749 §4.1.2: a code used twice was stolen.
    endGrant(code.grant);
    return { error: 'invalid_grant' };
  }
  code.used = true;
  if (code.expiresAt <= Date.now()) return { error: 'invalid_grant' };
  if (params.get('redirect_uri') !== code.redirectUri) return { error: 'redirect_uri_mismatch' };
  const verifier = params.get('code_verifier');
  if (place.profile.pkce === 'refused' && verifier !== null) return { error: 'invalid_request' };
  if (code.challenge !== null && s256(verifier ?? '') !== code.challenge) return { error: 'invalid_grant' };
  if (place.profile.refresh.kind !== 'none' && code.grant.offline) code.grant.refreshToken = mint('refresh');
  return { issued: issue(state, place, code.grant) };
}

function carries(params: URLSearchParams, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => params.get(name) === value);
}

function byRefresh(state: State, place: Place, params: URLSearchParams): Outcome {
  const { refresh, scopeParam } = place.profile;
  if (refresh.error !== null) return { error: refresh.error };
  if (refresh.needsScope && !params.get(scopeParam)) return { error: 'invalid_request' };
  if (!carries(params, refresh.params)) return { error: 'invalid_request' };
  const sent = params.get('refresh_token') ?? '';
  const grant = state.grants.find((one) => one.refreshToken === sent || one.earlier.has(sent));
  if (grant === undefined || grant.profile !== place.name || !grant.alive) return { error: 'invalid_grant' };
  if (grant.refreshToken !== sent && (grant.earlier.get(sent) ?? 0) <= Date.now()) {
    endGrant(grant);
    return { error: 'invalid_grant' };
  }
  const rotates = refresh.kind === 'rotates' || refresh.kind === 'grace';
  if (rotates && grant.refreshToken === sent) {
    grant.earlier.set(sent, refresh.kind === 'grace' ? Date.now() + graceMs : 0);
    grant.refreshToken = mint('refresh');
  }
  const issued = issue(state, place, grant);
  return { issued: refresh.kind === 'omitted' ? { ...issued, refreshToken: null } : issued };
}

function issue(state: State, { profile }: Place, grant: Grant): Issued {
  const accessToken = mint('access');
  const { lifetime } = profile;
  const expiresAt = lifetime === null ? Number.POSITIVE_INFINITY : Date.now() + lifetime * 1_000;
  state.accessTokens.set(accessToken, { grant, expiresAt, revoked: false });
  return { accessToken, refreshToken: grant.refreshToken, lifetime, scopes: grant.scopes };
}

/** RFC 7636 §4.6. */
function s256(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
