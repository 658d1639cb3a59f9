/** Kinds of authentication types: which work by OAuth, and which name their authorization server themselves. */
import type { AuthMethod, ClientCredentialsMethod, Connector, OAuth2Method, TokenMethod } from './connector.ts';
import { wholeVariable } from './template.ts';

/** True for the authentication types that work through a registered OAuth client. */
export function isOAuth(auth: AuthMethod): auth is OAuth2Method | ClientCredentialsMethod {
  return isOAuthType(auth.authenticationType);
}

/** As {@link isOAuth}, for the name of a type. */
export function isOAuthType(type: AuthMethod['authenticationType']): boolean {
  return type === 'oauth2' || type === 'oauth2_client_credentials';
}

/** True for the types whose tokens come from a token endpoint. */
export function usesTokenEndpoint(auth: AuthMethod): auth is TokenMethod {
  return isOAuth(auth) || auth.authenticationType === 'oauth2_jwt_bearer';
}

/** The input that names the authorization server, where the definition leaves that to the connection; else null. */
export function serverInputName(auth: AuthMethod): string | null {
  return isOAuth(auth) ? (wholeVariable(auth.issuer) ?? wholeVariable(auth.tokenEndpoint)) : null;
}

/**
 * Where the OAuth clients of a connection are registered, in words: the service's page for apps, or the host of the server
 * where the connection names the service: no page of it is known.
 */
export function clientsAt(
  { appUrl }: Pick<Connector, 'appUrl'>,
  auth: AuthMethod,
  inputs: Readonly<Record<string, string>>,
): string {
  const server = namedServer(auth, inputs);
  // The vendor of a server whose address the definition knows has one page, whichever authorization server it trusts.
  if (server === null || wholeVariable(auth.api.baseUrl) === null) return appUrl;
  return URL.canParse(server) ? new URL(server).host : 'the service';
}

/**
 * The authorization server that a connection names itself: its issuer or token endpoint; null where the definition
 * names it. An OAuth client belongs to one server, and its secret goes to no other.
 */
export function namedServer(auth: AuthMethod, inputs: Readonly<Record<string, string>>): string | null {
  const name = serverInputName(auth);
  return name === null ? null : (inputs[name] ?? '');
}

/** What a protected resource's metadata gives besides the inputs. */
export const discoveredNames = ['issuer', 'resource', 'scopes'] as const;
