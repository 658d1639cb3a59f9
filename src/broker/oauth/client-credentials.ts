/** The client credentials grant. */
import type { ClientCredentialsMethod } from '../../connectors/definition/definition.ts';
import { begin, grantedScopes, type OAuthContext, scopeParams, type TokenSet } from './context.ts';
import { fillParams } from './endpoints.ts';
import { resolveServer } from './server.ts';
import { askForTokens, atTokenEndpoint } from './token-request.ts';

/** Tokens for the client itself (RFC 6749 §4.4). */
export async function clientCredentials(given: OAuthContext<ClientCredentialsMethod>): Promise<TokenSet> {
  const context = begin(given);
  const params = fillParams(context, context.auth.tokenParams);
  const server = await resolveServer(context, ['tokenEndpoint']);
  const answer = await askForTokens(
    context,
    {
      ...atTokenEndpoint(context, server, 'repeatable'),
      // Some services have this grant under a name of their own, which the library would not send.
      adjust: ({ method, params: sent }) => {
        if (params.grant_type !== undefined) sent.set('grant_type', params.grant_type);
        return { method };
      },
    },
    (openid, configuration) =>
      openid.clientCredentialsGrant(configuration, {
        ...params,
        ...scopeParams(context),
      }),
  );
  return { ...answer, scopes: grantedScopes(context, answer.scopes) };
}
