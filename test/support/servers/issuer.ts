/** The issuer of a Keyward over HTTP: a real authorization server with JWT access tokens for it, and its clients. */
import { createHash, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { clickThrough } from '../clients/click-through.ts';
import { type AuthorizationServer, type Resource, startAuthorizationServer } from './authorization-server.ts';

/** Keyward's client for its pages. */
export const pagesClient = { clientId: 'keyward-pages', clientSecret: 'canary-secret-of-the-pages-client' };

export type Issuer = {
  readonly server: AuthorizationServer;
  readonly issuer: string;
  /** An access token for this person, got the way an MCP client gets one; `more` is what the client asks for besides. */
  tokenFor(login: string, scopes: readonly string[], more?: Readonly<Record<string, string>>): Promise<string>;
  /** The ID token that the same client gets: it is about the person and for the client, not for Keyward. */
  idTokenFor(login: string): Promise<string>;
  /** A JWT with the issuer's own signature, good for Keyward but for what is changed; undefined leaves a claim out. */
  sign(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>;
  close(): Promise<void>;
};

export type IssuerOptions = Pick<Resource, 'claims'> & {
  /** Where Keyward is. */
  readonly origin: string;
  /** Seconds; default an hour. */
  readonly accessTokenTtl?: number;
  readonly address?: string;
};

const scopes = ['read', 'write', 'use', 'release', 'share', 'act-as'].map((name) => `credentials:${name}`);
const redirectUri = 'http://127.0.0.1/agent';

export async function startIssuer({ origin, claims, ...options }: IssuerOptions): Promise<Issuer> {
  const audience = `${origin}/mcp`;
  const server = await startAuthorizationServer({
    ...options,
    resource: { audience, scopes: [...scopes, 'audit:read'], ...(claims ? { claims } : {}) },
    clients: [
      {
        client_id: pagesClient.clientId,
        client_secret: pagesClient.clientSecret,
        application_type: origin.startsWith('https:') ? 'web' : 'native',
        redirect_uris: [`${origin}/sign-in/callback`],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
      { client_id: 'agent', redirect_uris: [redirectUri], token_endpoint_auth_method: 'client_secret_post' },
    ],
  });
  const { issuer } = server;

  const tokensFor = async (login: string, request: Readonly<Record<string, string>>) => {
    const verifier = randomBytes(32).toString('base64url');
    const url = new URL(`${issuer}/auth`);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: 'agent',
      redirect_uri: redirectUri,
      prompt: 'consent',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...request,
    }).toString();
    const back = await clickThrough(url, { login });
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: 'agent',
        client_secret: 'keyward-secret',
        code: back.searchParams.get('code') ?? '',
        redirect_uri: redirectUri,
        code_verifier: verifier,
      }),
    });
    const tokens = (await answer.json()) as { access_token?: string; id_token?: string };
    if (tokens.access_token === undefined) throw new Error(`No token: ${JSON.stringify(tokens)}`);
    return tokens;
  };

  return {
    server,
    issuer,
    tokenFor: async (login, wanted, more = {}) => {
      const request = { scope: wanted.join(' '), resource: audience, ...more };
      return (await tokensFor(login, request)).access_token ?? '';
    },
    idTokenFor: async (login) => (await tokensFor(login, { scope: 'openid' })).id_token ?? '',
    sign: (changed = {}, header = {}) => {
      const { kid, privateKey } = server.signingKey();
      const now = Math.floor(Date.now() / 1_000);
      const usual = { iss: issuer, aud: audience, sub: 'ann', iat: now, exp: now + 600, scope: scopes.join(' ') };
      const named = { ...usual, ...claims?.('ann'), ...changed };
      return new SignJWT(named).setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt', ...header }).sign(privateKey);
    },
    close: () => server.close(),
  };
}
