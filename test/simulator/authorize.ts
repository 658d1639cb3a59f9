/** The authorization endpoint. Everybody consents at once: there is nobody to ask. */
import { client } from './client.ts';
import type { Profile } from './profile.ts';
import type { Answer, Request } from './request.ts';
import { mint, newGrant, type State } from './state.ts';

const codeLifetimeMs = 60_000;

export type Place = { readonly name: string; readonly profile: Profile; readonly origin: string };

/** A redirect to the client, or a page where a redirect would be wrong (RFC 6749 §4.1.2.1). */
export function authorize(state: State, { name, profile, origin }: Place, request: Request): Answer {
  const { query } = request;
  const redirectUri = query.get('redirect_uri');
  if (query.get(profile.clientIdParam) !== client.id) return page('This app is unknown.');
  if (redirectUri === null || !isKnown(redirectUri)) return page('The redirect URI is not registered.');
  if (query.get('response_type') !== 'code') return page('Only codes are given out.');
  const back = (params: Record<string, string>): Answer => {
    const url = new URL(redirectUri);
    const state = query.get('state');
    const iss = { absent: {}, right: { iss: `${origin}/${name}` }, wrong: { iss: 'https://elsewhere.example' } };
    const all = { ...params, ...(state === null ? {} : { state }), ...iss[profile.iss] };
    for (const [key, value] of Object.entries(all)) url.searchParams.set(key, value);
    return { status: 302, headers: { location: url.href }, body: '' };
  };
  if (profile.authorizeError !== null) return back({ error: profile.authorizeError });
  const challenge = query.get('code_challenge');
  if (profile.pkce === 'refused' && challenge !== null) return back({ error: 'invalid_request' });
  if (profile.pkce === 'required' && (challenge === null || query.get('code_challenge_method') !== 'S256')) {
    return back({ error: 'invalid_request' });
  }
  const scopes = (query.get(profile.scopeParam) ?? '').split(profile.scopeSeparator).filter((scope) => scope !== '');
  // A list in the wrong form is one scope that nobody knows.
  if (scopes.some((scope) => /[\s,]/.test(scope))) return back({ error: 'invalid_scope' });
  const offline =
    Object.entries(profile.offlineParams).every(([key, value]) => query.get(key) === value) &&
    (profile.offlineScope === null || scopes.includes(profile.offlineScope));
  const code = mint('code');
  state.codes.set(code, {
    grant: newGrant(state, name, scopes, offline),
    redirectUri,
    challenge,
    expiresAt: profile.codes === 'good' ? Date.now() + codeLifetimeMs : 0,
    used: false,
  });
  return back({ code, ...profile.callback });
}

/** Any address on loopback, and those of the one domain that nobody can own (RFC 2606). */
function isKnown(uri: string): boolean {
  const { hostname = '' } = URL.canParse(uri) ? new URL(uri) : {};
  return ['127.0.0.1', 'localhost', '[::1]'].includes(hostname) || hostname.endsWith('.example');
}

function page(text: string): Answer {
  return {
    status: 400,
    headers: { 'content-type': 'text/html' },
    body: `<!doctype html><title>Simulator</title><p>${text}`,
  };
}
