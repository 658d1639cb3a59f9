/** What the simulator says of itself: on the screen, and at `/`. */
import { client } from './client.ts';
import type { Profile } from './profile.ts';

export function guide(origin: string, profiles: Readonly<Record<string, Profile>>): string {
  const width = Math.max(...Object.keys(profiles).map(({ length }) => length));
  const rows = Object.entries(profiles).map(([name, { about, like }]) => {
    return `  ${name.padEnd(width)}  ${about}${like.length === 0 ? '' : ` (like ${like.join(', ')})`}`;
  });
  return `OAuth services that misbehave, each at an address of its own. Everybody consents at once.

Issuer         ${origin}/<profile>, with metadata (RFC 8414) at ${origin}/.well-known/oauth-authorization-server/<profile>
Endpoints      ${origin}/<profile>/authorize, /token, /revoke, and an API at /api/…
Client id      ${client.id}
Client secret  ${client.secret}
Redirect URIs  any on loopback

A code and its tokens by hand, from a service without PKCE:

  O=${origin}/no-pkce R=http://127.0.0.1:9/callback
  curl -sG $O/authorize -d response_type=code --data-urlencode client_id=${client.id} -d redirect_uri=$R -w '%{redirect_url}\\n'
  curl -s $O/token -d grant_type=authorization_code -d redirect_uri=$R -d code=<the code> \\
    --data-urlencode client_id=${client.id} --data-urlencode client_secret=${client.secret}
  curl -s $O/api/me -H 'authorization: Bearer <the access token>'

Profiles

${rows.join('\n')}
`;
}
