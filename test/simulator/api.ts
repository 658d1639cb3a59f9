/** The API behind a simulated authorization server, and its revocation endpoint. */
import type { Place } from './authorize.ts';
import { isClient } from './client.ts';
import { type Answer, bearerOf, paramsOf, type Request } from './request.ts';
import { endGrant, grantOf, type State } from './state.ts';

export function api(state: State, { name, profile }: Place, request: Request): Answer {
  const { accepts, headers, body, refusal, forbids } = profile.api;
  const complete = Object.entries(headers).every(([header, value]) => request.headers[header] === value);
  if (accepts === null) return complete ? { status: 200, body } : refusal;
  const secret = secretOf(request, accepts);
  if (secret === null || grantOf(state, secret, name, Date.now()) === null) {
    return { ...refusal, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } };
  }
  if (!complete) return { status: 400, body: { error: 'missing_header' } };
  if (forbids !== null) {
    const challenge = `Bearer error="insufficient_scope", scope="${forbids}"`;
    return { status: 403, headers: { 'www-authenticate': challenge }, body: { error: 'insufficient_scope' } };
  }
  return { status: 200, body };
}

/** RFC 7009, or the way that the service has instead. */
export function revoke(state: State, { profile }: Place, request: Request): Answer {
  const found = toRevoke(profile, request);
  if (found === null) return { status: 401, body: { error: 'invalid_client' } };
  const known = profile.revocation?.token;
  const access = known === 'refresh' ? undefined : state.accessTokens.get(found)?.grant;
  const refresh = known === 'access' ? undefined : state.grants.find((one) => one.refreshToken === found);
  const grant = access ?? refresh;
  // RFC 7009 §2.2: an unknown token is no error.
  if (grant !== undefined) endGrant(grant);
  return { status: 200, body: {} };
}

/** The token that the request ends; null when it may not. */
function toRevoke({ revocation, clientIdParam }: Place['profile'], request: Request): string | null {
  if (revocation === null || request.method !== revocation.method) return null;
  if (revocation.by === 'bearer') return bearerOf(request);
  const params = paramsOf(request, revocation.body) ?? new URLSearchParams();
  const allowed = revocation.by === 'anybody' || isClient(request, params, revocation.by, clientIdParam);
  return allowed ? (params.get(revocation.param) ?? '') : null;
}

function secretOf(request: Request, accepts: NonNullable<Place['profile']['api']['accepts']>): string | null {
  if ('query' in accepts) return request.query.get(accepts.query);
  const value = request.headers[accepts.header];
  const before = accepts.scheme === undefined ? '' : `${accepts.scheme} `;
  return typeof value === 'string' && value.startsWith(before) ? value.slice(before.length) : null;
}
