/** MCP servers that a definition names: found at the address that it knows, with nothing else written in it. */
import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getCredentialMetadata, listConnectors } from '../../../src/broker/credentials/metadata.ts';
import { fresh } from '../../../src/broker/grants/refresh.ts';
import type { Egress, EgressRequest } from '../../../src/net/egress.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { ageTokens, credentialOf, startBroker, type TestBroker, tokensOf } from '../../support/broker.ts';
import { clickThrough } from '../../support/clients/click-through.ts';
import { startAuthorizationServer } from '../../support/servers/authorization-server.ts';
import { guarded, type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

const asOf = '/.well-known/oauth-authorization-server';
const prmOf = '/.well-known/oauth-protected-resource';

let mcp: OddServer;
let keyward: TestBroker;
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  mcp = await startOddServer({ status: 404 });
  closing.push(() => mcp.close());
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A file of somebody's own, as short as it can be. */
function file(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    id: 'custom.tools',
    name: 'Tools',
    categories: ['testing'],
    docsUrl: 'https://tools.example/docs',
    appUrl: 'https://tools.example/apps',
    api: { protocol: 'mcp', baseUrl: `${mcp.origin}/mcp`, allowedHosts: [mcp.host] },
    auth: [{ authenticationType: 'oauth2' }],
    ...changes,
  };
}

async function start(definition: { readonly id: string }, allow: readonly string[] = []): Promise<void> {
  keyward = await startBroker({ origin: mcp.origin, definitions: [definition], allow });
  closing.push(() => keyward.close());
}

/** What an MCP server publishes at the address of its metadata, and who signs people in. */
function publish(path: string, resource: string, issuer: string): void {
  mcp.paths.set(path, guarded({ status: 401 }));
  const scopes_supported = ['read'];
  mcp.paths.set(`${prmOf}${path}`, { body: { resource, authorization_servers: [issuer], scopes_supported } });
}

/** Metadata of an authorization server, with registration or without. */
function serverOf(issuer: string, registers: boolean) {
  return {
    body: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/access_token`,
      ...(registers && { registration_endpoint: `${issuer}/register` }),
      code_challenge_methods_supported: ['S256'],
    },
  };
}

async function attempt(connectorId: string, inputs: Readonly<Record<string, string>> = {}) {
  const input = { connectorId, authenticationType: 'oauth2', ...inputs };
  const created = await createCredential(keyward.broker, me, input, { obtainedBy: 'tool' });
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const browser = randomBytes(16).toString('base64url');
  const { attemptId } = created;
  return { attemptId, browser, view: await viewAttempt(keyward.broker, attemptId, browser, 'local') };
}

describe('a definition that says mcp and OAuth, and nothing else', () => {
  it('240. is found, registered at, asked for its own server, refreshed and revoked', async () => {
    const audience = `${mcp.origin}/mcp`;
    const resource = { audience, scopes: ['read', 'openid', 'offline_access'] };
    const server = await startAuthorizationServer({ registration: true, resource });
    closing.push(() => server.close());
    publish('/mcp', audience, server.issuer);
    await start(file(), [new URL(server.issuer).host]);

    const { attemptId, browser, view } = await attempt('custom.tools');
    if (view.step !== 'authorize') throw new Error(`At ${view.step}.`);
    const url = new URL(view.authorizationUrl);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({ resource: audience, scope: 'read offline_access' });
    const back = await clickThrough(url);
    const connectorId = back.pathname.split('/')[3] ?? null;
    await finishCallback(keyward.broker, {
      received: back.searchParams,
      connectorId,
      cookieOf: () => browser,
      visitor: 'local',
    });
    const id = (await keyward.broker.vault.findAttempt(attemptId))?.credentialId ?? '';
    expect(decodeJwt((await tokensOf(keyward.broker, me, id)).accessToken)).toMatchObject({ aud: audience });

    await ageTokens(keyward.broker, me, id, -1_000);
    const { secret } = await fresh(keyward.broker, await credentialOf(keyward.broker, me, id));
    if (secret.kind !== 'tokens') throw new Error('There are no tokens.');
    expect(decodeJwt(secret.accessToken)).toMatchObject({ aud: audience });
    expect(await deleteCredential(keyward.broker, me, { credentialId: id })).toMatchObject({ revocation: 'revoked' });
    expect(await server.isActive(secret.refreshToken ?? '')).toBe(false);
  });

  it('240. is found at the address of its tenant, and asks for the scopes of its file where that names some', async () => {
    publish('/a%20b/mcp', `${mcp.origin}/a%20b/mcp`, mcp.origin);
    mcp.paths.set(asOf, serverOf(mcp.origin, true));
    mcp.paths.set('/register', { status: 201, body: { client_id: 'c1', token_endpoint_auth_method: 'none' } });
    const tenant = { type: 'object', properties: { tenant: { type: 'string' } }, required: ['tenant'] };
    const api = { protocol: 'mcp', baseUrl: `${mcp.origin}/{tenant}/mcp`, allowedHosts: [mcp.host] };
    await start(file({ inputs: tenant, api, auth: [{ authenticationType: 'oauth2', scopes: ['files'] }] }));
    const { view } = await attempt('custom.tools', { tenant: 'a b' });
    if (view.step !== 'authorize') throw new Error(`At ${view.step}.`);
    const { searchParams } = new URL(view.authorizationUrl);
    expect(Object.fromEntries(searchParams)).toMatchObject({ resource: `${mcp.origin}/a%20b/mcp`, scope: 'files' });
    await expect(attempt('custom.tools', { tenant: '..' })).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('a file of somebody’s own that calls a vendor’s page its own', () => {
  it.each([
    ['https://github.com/login/oauth', 'https://github.com/settings/developers'],
    ['https://slack.com', 'https://api.slack.com/apps'],
  ])('241. gets no token of %s', async (issuer, appUrl) => {
    publish('/mcp', `${mcp.origin}/mcp`, issuer);
    await start(file({ appUrl }));
    await expect(attempt('custom.tools')).rejects.toMatchObject({
      code: 'provider_refused',
      message: expect.stringContaining('Keyward does not give it one'),
    });
  });

  it('241. gets none of anybody before the person agreed', async () => {
    const honest = await startOddServer({ status: 404 });
    closing.push(() => honest.close());
    const issuer = honest.origin.replace('127.0.0.1', 'localhost');
    honest.paths.set(asOf, serverOf(issuer, false));
    publish('/mcp', `${mcp.origin}/mcp`, issuer);
    await start(file({ appUrl: issuer }), [new URL(issuer).host]);
    const { view } = await attempt('custom.tools');
    expect(view).toMatchObject({ step: 'hand_over', tokenOf: 'localhost', givenTo: '127.0.0.1' });
  });
});

describe('a named server of the catalogue', () => {
  beforeEach(async () => {
    await start(file());
    const { broker } = keyward;
    // The network of this test: every host is the one server.
    const there = <T extends EgressRequest>(request: T): T => {
      const url = new URL(`${request.url.pathname}${request.url.search}`, mcp.origin);
      return { ...request, url, hosts: [mcp.host] };
    };
    const egress: Egress = {
      allowsPlain: (url) => broker.egress.allowsPlain(url),
      request: (request) => broker.egress.request(there(request)),
      open: (request) => broker.egress.open(there(request)),
      close: () => broker.egress.close(),
    };
    keyward = { ...keyward, broker: { ...broker, egress } };
    mcp.paths.set('/mcp/', { status: 401 });
  });
  const resource = 'https://api.githubcopilot.com/mcp/';
  const publishes = (issuer: string) =>
    mcp.paths.set(`${prmOf}/mcp`, { body: { resource, authorization_servers: [issuer] } });

  it('242. gets tokens of its own vendor, whose page is where a client is registered', async () => {
    const issuer = 'https://github.com/login/oauth';
    publishes(issuer);
    mcp.paths.set(`${asOf}/login/oauth`, serverOf(issuer, false));
    const { view } = await attempt('github-mcp');
    expect(view).toMatchObject({ step: 'auth_config', clientsAt: 'https://github.com/settings/developers' });
  });

  it.each(['https://slack.com', 'https://accounts.google.com', 'https://acme.okta.com'])(
    '242. gets none of another vendor, %s',
    async (issuer) => {
      publishes(issuer);
      await expect(attempt('github-mcp')).rejects.toMatchObject({
        code: 'provider_refused',
        message: expect.stringContaining('Keyward does not give it one'),
      });
    },
  );

  it('242. gets none of somebody whom nobody knows before the person agreed', async () => {
    publishes('https://id.example');
    mcp.paths.set(asOf, serverOf('https://id.example', false));
    const { view } = await attempt('github-mcp');
    expect(view).toMatchObject({ step: 'hand_over', tokenOf: 'id.example', givenTo: 'githubcopilot.com' });
  });

  it('242. has no vendor where its definition knows the page and not the address', async () => {
    mcp.paths.set(`${prmOf}/mcp`, {
      body: { resource: 'https://tools.example/mcp', authorization_servers: ['https://github.com'] },
    });
    mcp.paths.set('/mcp', { status: 401 });
    await expect(attempt('mcp-server', { serverUrl: 'https://tools.example/mcp' })).rejects.toMatchObject({
      code: 'provider_refused',
      message: expect.stringContaining('Keyward does not give it one'),
    });
  });

  it('243. stands beside the API of its service, with each of its ways in words', async () => {
    const { connectors } = await listConnectors(keyward.broker, me, { query: 'sentry', limit: 2 });
    expect(connectors.map(({ connectorId, name }) => [connectorId, name])).toEqual([
      ['sentry', 'Sentry'],
      ['sentry-mcp', 'Sentry MCP server'],
    ]);
    const { metadata } = await getCredentialMetadata(keyward.broker, me, { connectorId: 'sentry-mcp' }, 'model');
    const words = metadata.map(({ inputSchema }) => inputSchema.properties.authenticationType?.description);
    expect(words).toEqual([expect.stringMatching(/^Sign-in in the browser/), 'Sentry access token']);
    expect(metadata.map(({ authConfigRequired }) => authConfigRequired)).toEqual([false, false]);
  });
});
