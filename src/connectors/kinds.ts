import type { AuthMethod, ClientCredentialsMethod, OAuth2Method } from './connector.ts';

/** True for the authentication types that work through a registered OAuth client. */
export function isOAuth(auth: AuthMethod): auth is OAuth2Method | ClientCredentialsMethod {
  return auth.authenticationType === 'oauth2' || auth.authenticationType === 'oauth2_client_credentials';
}
