/** A token of one party reaches no other, unless the person agreed on a page that says exactly that. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { agreeToHandOver, submitAuthConfig } from '../../../src/broker/connect/page-forms.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { startBroker, type TestBroker } from '../../support/broker.ts';
import { type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

const asOf = '/.well-known/oauth-authorization-server';
const prmOf = '/.well-known/oauth-protected-resource';

/** Reached as `localhost`, which is another site than that of the honest server. */
let evil: OddServer;
let evilOrigin: string;
let honest: OddServer;
let keyward: TestBroker;
beforeEach(async () => {
  [evil, honest] = await Promise.all([startOddServer({ status: 404 }), startOddServer({ status: 404 })]);
  evilOrigin = evil.origin.replace('127.0.0.1', 'localhost');
  keyward = await startBroker({ origin: honest.origin, allow: [new URL(evilOrigin).host] });
  evil.paths.set('/mcp', { status: 401 });
  evil.paths.set(`${prmOf}/mcp`, resource());
  honest.paths.set(asOf, server(honest.origin));
  honest.paths.set('/register', { status: 201, body: { client_id: 'c1', token_endpoint_auth_method: 'none' } });
});
afterEach(() => Promise.all([keyward.close(), evil.close(), honest.close()]));

function resource(changes: Record<string, unknown> = {}) {
  const scopes_supported = ['mail.read', 'mail.send', 'admin'];
  return {
    body: { resource: `${evilOrigin}/mcp`, authorization_servers: [honest.origin], scopes_supported, ...changes },
  };
}

function server(issuer: string, changes: Record<string, unknown> = {}) {
  return {
    body: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      scopes_supported: ['mail.read', 'profile'],
      ...changes,
    },
  };
}

async function start(input?: CreateInput) {
  const mcp = { connectorId: 'mcp-server', authenticationType: 'oauth2', serverUrl: `${evilOrigin}/mcp` };
  const created = await createCredential(keyward.broker, me, input ?? mcp, { obtainedBy: 'tool' });
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const browser = randomBytes(16).toString('base64url');
  const look = () => viewAttempt(keyward.broker, created.attemptId, browser, 'local');
  const { csrf } = await look();
  const sender = { browser, csrf, visitor: 'local' } as const;
  const agree = (fields: Record<string, string>) => agreeToHandOver(keyward.broker, created.attemptId, sender, fields);
  return { ...created, look, agree, sender };
}

const pair = '127.0.0.1 > localhost';

describe('an MCP server that names somebody else’s authorization server', () => {
  it('88. gets no token of it before the person agreed to that very sentence', async () => {
    const { look, agree } = await start();
    const asked = { step: 'hand_over', tokenOf: '127.0.0.1', givenTo: 'localhost' };
    expect(await look()).toMatchObject(asked);
    for (const agreement of ['', 'localhost > 127.0.0.1', '127.0.0.1 > elsewhere.example']) {
      await agree({ agreement });
      expect(await look()).toMatchObject(asked);
    }
    await agree({ agreement: pair });
    expect(await look()).toMatchObject({ step: 'authorize' });
    const audit = await keyward.audited();
    expect(audit.at(-1)).toMatchObject({ action: 'attempt.agree', outcome: 'allowed', connectorId: 'mcp-server' });
  });

  it('88. is granted only scopes that its authorization server knows, or that the person ticked', async () => {
    const first = await start();
    expect(await first.look()).toMatchObject({
      choices: [
        { name: 'mail.read', known: true },
        { name: 'mail.send', known: false },
        { name: 'admin', known: false },
      ],
    });
    await first.agree({ agreement: pair, 'scope mail.read': 'yes', 'scope profile': 'yes' });
    expect(await first.look()).toMatchObject({ step: 'authorize', scopes: ['mail.read'] });
    const second = await start();
    await second.agree({ agreement: pair });
    const view = await second.look();
    expect(view).toMatchObject({ step: 'authorize', scopes: [] });
    expect(view.step === 'authorize' && new URL(view.authorizationUrl).searchParams.has('scope')).toBe(false);
  });

  it('88. has to be agreed to before an OAuth client is entered', async () => {
    honest.paths.set(asOf, server(honest.origin, { registration_endpoint: undefined }));
    const { attemptId, look, agree, sender } = await start();
    expect(await look()).toMatchObject({ step: 'hand_over' });
    await submitAuthConfig(keyward.broker, attemptId, sender, { clientId: 'mine', clientSecret: 's' });
    expect(await look()).toMatchObject({ step: 'hand_over' });
    await agree({ agreement: pair });
    expect(await look()).toMatchObject({ step: 'auth_config' });
  });

  it('88. needs nobody’s word where the authorization server itself lists it', async () => {
    honest.paths.set(asOf, server(honest.origin, { protected_resources: [`${evilOrigin}/mcp`] }));
    const { look } = await start();
    expect(await look()).toMatchObject({ step: 'authorize', scopes: ['mail.read', 'mail.send', 'admin'] });
  });

  it.each([
    ['another resource', () => [`${evilOrigin}/other`]],
    ['its site', () => [evilOrigin]],
    ['no list', () => `${evilOrigin}/mcp`],
  ])('88. is not listed by %s', async (_, listed) => {
    honest.paths.set(asOf, server(honest.origin, { protected_resources: listed() }));
    expect(await (await start()).look()).toMatchObject({ step: 'hand_over' });
  });

  it.each([
    ['pages and tokens', { authorization_endpoint: '/authorize', token_endpoint: '/token' }],
    ['tokens, behind a page of its own that redirects', { token_endpoint: '/token' }],
    ['pages', { authorization_endpoint: '/authorize' }],
  ])('88. is refused when it is an issuer itself that passes on %s', async (_, paths) => {
    const elsewhere = Object.fromEntries(
      Object.entries(paths).map(([name, path]) => [name, `${honest.origin}${path}`]),
    );
    evil.paths.set(`${prmOf}/mcp`, resource({ authorization_servers: [evilOrigin] }));
    evil.paths.set(asOf, server(evilOrigin, elsewhere));
    await expect(start()).rejects.toMatchObject({
      code: 'provider_refused',
      message: expect.stringContaining('another site'),
    });
    expect(honest.seen).toEqual([]);
  });

  it.each([
    ['https://github.com/login/oauth', 'github'],
    ['https://accounts.google.com', /^(gmail|google-.*|.*)$/],
    ['https://login.microsoftonline.com/common/v2.0', /./],
    ['https://acme.okta.com', 'okta'],
    ['https://slack.com', 'slack'],
  ])('89. is refused when that is the server of a built-in connector, %s', async (issuer, id) => {
    evil.paths.set(`${prmOf}/mcp`, resource({ authorization_servers: [issuer] }));
    await expect(start()).rejects.toMatchObject({
      code: 'provider_refused',
      message: expect.stringContaining('Keyward does not give it one'),
      hint: expect.stringMatching(id instanceof RegExp ? /connector [a-z-]+\./ : new RegExp(`connector ${id}\\.`)),
    });
  });
});

describe('a connection that names issuer and API itself', () => {
  const openid = (authenticationType: string, baseUrl: string) =>
    ({
      connectorId: 'generic-openid',
      authenticationType,
      issuer: honest.origin,
      baseUrl,
      scopes: 'mail.read',
    }) as const;

  it('88. hands no token to another site before the person agreed', async () => {
    const { look, agree } = await start(openid('oauth2', `${evilOrigin}/v1`));
    expect(await look()).toMatchObject({ step: 'hand_over', choices: null, scopes: ['mail.read'] });
    await agree({ agreement: pair });
    expect(await look()).toMatchObject({ step: 'authorize', scopes: ['mail.read'] });
    const own = await start(openid('oauth2', `${honest.origin}/v1`));
    expect(await own.look()).toMatchObject({ step: 'authorize' });
  });

  it('88. does not either with a client that is stored for the honest server, without a page', async () => {
    honest.paths.set('/token', { body: { access_token: 'honest-token', token_type: 'Bearer', expires_in: 3600 } });
    const credentials = 'oauth2_client_credentials';
    const own = await start(openid(credentials, `${honest.origin}/v1`));
    await submitAuthConfig(keyward.broker, own.attemptId, own.sender, { clientId: 'mine', clientSecret: 's3cret' });
    expect(await own.look()).toMatchObject({ step: 'completed' });
    const before = honest.seen.filter(({ url }) => url === '/token').length;
    const { look, agree } = await start(openid(credentials, `${evilOrigin}/v1`));
    expect(await look()).toMatchObject({ step: 'hand_over' });
    expect(honest.seen.filter(({ url }) => url === '/token').length).toBe(before);
    await agree({ agreement: pair });
    expect(await look()).toMatchObject({ step: 'completed' });
  });

  it('88. does not hand a code to another site’s token endpoint', async () => {
    const endpoints = { authorizationEndpoint: `${honest.origin}/authorize`, tokenEndpoint: `${evilOrigin}/token` };
    const authenticationType = 'oauth2';
    const generic = { connectorId: 'generic-oauth2', authenticationType, ...endpoints, baseUrl: `${evilOrigin}/v1` };
    expect(await (await start(generic)).look()).toMatchObject({
      step: 'hand_over',
      tokenOf: '127.0.0.1',
      givenTo: 'localhost',
    });
  });
});
