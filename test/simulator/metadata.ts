/** Metadata of a simulated authorization server (RFC 8414 §2): enough for a client that knows nothing but the issuer. */
import type { Place } from './authorize.ts';
import type { ClientAuth } from './profile.ts';

const authMethods: Readonly<Record<ClientAuth, string>> = {
  basic: 'client_secret_basic',
  raw: 'client_secret_basic',
  post: 'client_secret_post',
  none: 'none',
};

export function metadata({ name, profile, origin }: Place): Record<string, unknown> {
  const own = `${origin}/${name}`;
  const { revocation } = profile;
  return {
    issuer: profile.metadata.issuer === 'right' ? own : 'https://elsewhere.example',
    authorization_endpoint: `${own}/authorize`,
    token_endpoint: `${own}/token`,
    token_endpoint_auth_methods_supported: [authMethods[profile.clientAuth]],
    ...(revocation === null ? {} : { revocation_endpoint: `${own}/revoke` }),
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    ...(profile.pkce === 'refused' ? {} : { code_challenge_methods_supported: ['S256'] }),
    authorization_response_iss_parameter_supported: profile.metadata.advertisesIss,
  };
}
