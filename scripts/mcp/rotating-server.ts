/**
 * A remote MCP server with an authorization server at the same address: tokens live two seconds, each refresh token is good
 * once, and a used one that comes again ends the whole grant (RFC 9700 §4.14.2). It consents by itself.
 */
import { randomUUID } from 'node:crypto';
import { type Beside, type SessionServer, startSessionServer } from '../../test/support/servers/mcp-servers.ts';

const lifetimeMs = 2_000;

type Grant = { refresh: string; readonly used: Set<string>; issuedAt: number; alive: boolean };

export type Counts = {
  /** Grants that were made: times that a person had to consent. */
  granted: number;
  /** Grants that ended, since a used refresh token came again. */
  lost: number;
  refreshes: number;
  /** Refreshes although the token had lived less than a quarter of its life: somebody else had just got it. */
  needless: number;
};

export async function startRotatingServer(): Promise<{ readonly server: SessionServer; readonly counts: Counts }> {
  const counts: Counts = { granted: 0, lost: 0, refreshes: 0, needless: 0 };
  const grants: Grant[] = [];
  const access = new Map<string, { readonly grant: Grant; readonly until: number }>();
  const codes = new Set<string>();

  function tokensOf(grant: Grant) {
    const now = Date.now();
    const token = randomUUID();
    Object.assign(grant, { refresh: randomUUID(), issuedAt: now });
    access.set(token, { grant, until: now + lifetimeMs });
    const names = { access_token: token, refresh_token: grant.refresh };
    return { ...names, token_type: 'Bearer', expires_in: lifetimeMs / 1_000, scope: 'mcp' };
  }

  function granted(fields: URLSearchParams): Record<string, unknown> | null {
    if (fields.get('grant_type') === 'authorization_code') {
      if (!codes.delete(fields.get('code') ?? '')) return null;
      counts.granted += 1;
      const grant: Grant = { refresh: '', used: new Set(), issuedAt: 0, alive: true };
      grants.push(grant);
      return tokensOf(grant);
    }
    const given = fields.get('refresh_token') ?? '';
    const grant = grants.find(({ refresh, used }) => refresh === given || used.has(given));
    if (grant === undefined || !grant.alive) return null;
    if (grant.refresh !== given) {
      grant.alive = false;
      counts.lost += 1;
      return null;
    }
    counts.refreshes += 1;
    if (Date.now() - grant.issuedAt < lifetimeMs / 4) counts.needless += 1;
    grant.used.add(given);
    return tokensOf(grant);
  }

  const beside: Beside = async (request, response, body) => {
    const origin = `http://${request.headers.host}`;
    const url = new URL(request.url ?? '', origin);
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      return true;
    };
    if (url.pathname.startsWith('/.well-known/oauth-protected-resource')) {
      return json(200, { resource: `${origin}/mcp`, authorization_servers: [origin], scopes_supported: ['mcp'] });
    }
    if (url.pathname.startsWith('/.well-known/oauth-authorization-server')) {
      return json(200, {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`,
        response_types_supported: ['code'],
        grant_types_supported: ['authorization_code', 'refresh_token'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
      });
    }
    if (url.pathname === '/register') {
      return json(201, { ...JSON.parse(body), client_id: randomUUID(), token_endpoint_auth_method: 'none' });
    }
    if (url.pathname === '/authorize') {
      const code = randomUUID();
      codes.add(code);
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', code);
      back.searchParams.set('state', url.searchParams.get('state') ?? '');
      response.writeHead(302, { location: back.href }).end();
      return true;
    }
    if (url.pathname !== '/token') return url.pathname === '/mcp' ? false : json(404, {});
    const tokens = granted(new URLSearchParams(body));
    return tokens === null ? json(400, { error: 'invalid_grant' }) : json(200, tokens);
  };

  const admits = (authorization: string) => {
    const found = access.get(authorization.replace(/^Bearer /i, ''));
    return found?.grant.alive === true && Date.now() < found.until;
  };
  return { server: await startSessionServer(admits, beside), counts };
}
