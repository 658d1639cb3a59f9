/**
 * A client that does what claude.ai does, as far as its vendor says it or its requests were published: it names its document or
 * registers itself, comes back at its own https address, asks for `offline_access` besides and for `prompt=consent`.
 * https://claude.com/docs/connectors/building/authentication and https://github.com/anthropics/claude-ai-mcp/issues/96.
 */
import { createHash, randomBytes } from 'node:crypto';
import { toolCall } from '../bench/tool-call.ts';
import { claudeAi, claudeAiCallback } from './internet.ts';
import { must, type Stage } from './stage.ts';

/** RFC 9728 §2 and RFC 8414 §2, as far as they are used. */
type Resource = {
  readonly resource: string;
  readonly authorization_servers: readonly [string];
  readonly scopes_supported: readonly string[];
};
type Server = Readonly<Record<'authorization_endpoint' | 'token_endpoint' | 'registration_endpoint', string>> & {
  readonly client_id_metadata_document_supported?: boolean;
  readonly token_endpoint_auth_methods_supported: readonly string[];
};
type Tokens = { readonly access_token: string; readonly refresh_token: string };

export async function claudeAiLike({ url, letIn, say }: Stage): Promise<void> {
  for (const way of ['names its document', 'registers itself'] as const) {
    say(`A client that behaves as claude.ai, and ${way}`);
    const { headers, status } = await fetch(url, { method: 'POST' });
    must(status === 401, `${status} instead of 401`);
    const [, resourceMetadata = ''] = /resource_metadata="([^"]*)"/.exec(headers.get('www-authenticate') ?? '') ?? [];
    const resource = await read<Resource>(resourceMetadata);
    const [issuer] = resource.authorization_servers;
    const server = await read<Server>(`${issuer}/.well-known/oauth-authorization-server`);
    // It names its document only where both are said.
    must(server.client_id_metadata_document_supported === true, 'no documents here');
    must(server.token_endpoint_auth_methods_supported.includes('none'), 'no public clients here');
    say(`  found ${new URL(server.authorization_endpoint).pathname} and ${new URL(server.token_endpoint).pathname}`);
    const clientId = way === 'names its document' ? claudeAi : await register(server.registration_endpoint);
    const verifier = randomBytes(32).toString('base64url');
    const state = randomBytes(16).toString('base64url');
    const link = new URL(server.authorization_endpoint);
    link.search = `${new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: claudeAiCallback,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state,
      scope: `${resource.scopes_supported.join(' ')} offline_access`,
      resource: resource.resource,
      prompt: 'consent',
    })}`;
    const back = await letIn(link.href);
    must(`${back.origin}${back.pathname}` === claudeAiCallback, `it was sent back to ${back.origin}${back.pathname}`);
    must(back.searchParams.get('state') === state && back.searchParams.get('iss') === issuer, 'state or iss is wrong');
    say(`  sent back to ${back.origin}${back.pathname}?…`);
    const tokens = await token(server.token_endpoint, {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: back.searchParams.get('code') ?? '',
      redirect_uri: claudeAiCallback,
      code_verifier: verifier,
      resource: resource.resource,
    });
    await call(url, tokens.access_token, say);
    const renewed = await token(server.token_endpoint, {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token,
    });
    say('  renewed its token');
    await call(url, renewed.access_token, say);
  }
}

async function call(url: string, accessToken: string, say: Stage['say']): Promise<void> {
  const { origin, path, method, headers, body } = toolCall(new URL(url).origin, 'list_credentials', {});
  const sent = { method, body, headers: { ...headers, authorization: `Bearer ${accessToken}` } };
  const { result } = (await (await fetch(`${origin}${path}`, sent)).json()) as {
    readonly result?: { readonly structuredContent?: unknown };
  };
  must(result?.structuredContent !== undefined, 'the call failed');
  say(`list_credentials answered ${JSON.stringify(result.structuredContent)}`);
}

async function register(endpoint: string): Promise<string> {
  const said = {
    client_name: 'Claude',
    redirect_uris: [claudeAiCallback],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
  };
  const sent = { method: 'POST', body: JSON.stringify(said), headers: { 'content-type': 'application/json' } };
  const { client_id: id } = (await (await fetch(endpoint, sent)).json()) as { readonly client_id?: string };
  must(id !== undefined, 'it was not registered');
  return id;
}

async function token(endpoint: string, form: Readonly<Record<string, string>>): Promise<Tokens> {
  const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(form) });
  const { error, ...tokens } = (await response.json()) as Tokens & { readonly error?: string };
  must(response.status === 200, `no token: ${response.status} ${error}`);
  return tokens;
}

async function read<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
