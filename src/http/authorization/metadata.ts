/** Where a client learns how to get in: metadata of the resource (RFC 9728) and of the authorization server (RFC 8414). */
import { Hono } from 'hono';
import { grantable } from '../../broker/authorization/choice.ts';
import { usualScopes } from '../../principal.ts';
import { metadataPath } from '../auth/bearer.ts';
import { detailsType, exchangeGrant } from './exchange.ts';
import { paths } from './paths.ts';

/**
 * At each place where a client may look: for the resource at the path of the endpoint and, for older clients, at the root;
 * for Keyward's own server at the root (RFC 8414 §3.1, OpenID Connect Discovery §4) and, for clients that take the address
 * of the endpoint for the server's, with its path.
 *
 * @param issuer whose tokens are taken; null: those of Keyward's own server
 */
export function metadataRoutes(resource: string, issuer: string | null): Hono {
  const routes = new Hono();
  const own = new URL(resource).origin;
  const document = {
    resource,
    authorization_servers: [issuer ?? own],
    // What the challenge of /mcp names, too. For more than this a client is sent back with a challenge, by name.
    scopes_supported: [...usualScopes],
    bearer_methods_supported: ['header'],
    resource_name: 'Keyward',
  };
  for (const path of [metadataPath, `${metadataPath}/mcp`]) routes.get(path, (c) => c.json(document));
  if (issuer !== null) return routes;
  const server = serverMetadata(own);
  for (const name of ['oauth-authorization-server', 'openid-configuration']) {
    for (const path of ['', '/mcp']) routes.get(`/.well-known/${name}${path}`, (c) => c.json(server));
  }
  routes.get('/mcp/.well-known/openid-configuration', (c) => c.json(server));
  return routes;
}

/** What Keyward's own authorization server can do (RFC 8414 §2). */
function serverMetadata(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}${paths.authorize}`,
    token_endpoint: `${issuer}${paths.token}`,
    registration_endpoint: `${issuer}${paths.register}`,
    revocation_endpoint: `${issuer}${paths.revoke}`,
    scopes_supported: [...grantable],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token', exchangeGrant],
    authorization_details_types_supported: [detailsType],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  };
}
