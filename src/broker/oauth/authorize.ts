/** The first leg of the authorization code flow. */
import { createHash } from 'node:crypto';
import { serverInputName } from '../../connectors/auth-kinds.ts';
import type { OAuth2Method } from '../../connectors/definition/definition.ts';
import { variablesIn } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import { begin, type OAuthContext, scopeParams, scopesOf, usesPkce } from './context.ts';
import { fillParams } from './endpoints.ts';
import { type AuthorizationServer, requireEndpoint, resolveServer } from './server.ts';

type AuthorizationRequest = {
  readonly redirectUri: string;
  readonly state: string;
  /** RFC 7636 §4.1. */
  readonly codeVerifier: string;
};

/**
 * The URL a person opens to authorize (RFC 6749 §4.1.1), with PKCE S256 and state.
 *
 * @throws KeywardError `provider_refused` for a discovered server without S256, unless the definition opts out of PKCE
 */
export async function authorizationUrl(
  context: OAuthContext<OAuth2Method>,
  request: AuthorizationRequest,
): Promise<URL> {
  const { auth, client } = context;
  // A token endpoint that the callback names, as Zoho's does by data center, can't be known yet; another is checked before
  // anybody is sent away.
  const named = variablesIn(auth.tokenEndpoint ?? '').some((name) => auth.callbackParams.includes(name));
  const needed = named ? (['authorizationEndpoint'] as const) : (['authorizationEndpoint', 'tokenEndpoint'] as const);
  const server = await resolveServer(begin(context), needed);
  const pkce = usesPkce(context);
  if (pkce && !knowsS256(context, server)) {
    throw new KeywardError('provider_refused', `${context.connector.name} does not offer PKCE with S256.`, {
      hint: 'Without it a stolen code is enough to get in. A connector file can say "pkce": "none" if you accept that.',
    });
  }
  const url = requireEndpoint(context, server, 'authorizationEndpoint');
  const challenge = createHash('sha256').update(request.codeVerifier).digest('base64url');
  const offline = serverInputName(auth) !== null && scopesOf(context).includes('offline_access');
  const params = {
    // OpenID Connect Core §11: without it such servers drop the scope. For other servers their definition says it.
    ...(offline ? { prompt: 'consent' } : {}),
    ...fillParams(context, auth.authorizationParams),
    ...scopeParams(context),
    response_type: 'code',
    [auth.clientIdParam]: client.clientId,
    redirect_uri: request.redirectUri,
    state: request.state,
    ...(pkce ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}),
  };
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  // Services that do not decode forms take a plus sign for what it is.
  url.search = url.search.replaceAll('+', '%20');
  return url;
}

/** Microsoft Entra has S256 and does not say so; whoever steals a code there still lacks the client secret. */
function knowsS256({ auth, client }: OAuthContext<OAuth2Method>, { pkceMethods }: AuthorizationServer): boolean {
  if (pkceMethods === null || pkceMethods.includes('S256')) return true;
  return pkceMethods.length === 0 && auth.pkce === 'unannounced' && client.clientSecret !== null;
}
