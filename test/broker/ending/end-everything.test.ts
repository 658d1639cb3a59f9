/** Ending everything of one owner, with a real authorization server, a service that is down, and one that revokes nothing. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requireApproval } from '../../../src/broker/approvals/approvals.ts';
import { decide, openApprovals } from '../../../src/broker/approvals/page.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { revertReconnect } from '../../../src/broker/credentials/replaced.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { endEverything } from '../../../src/broker/ending/end-everything.ts';
import { createSession, principalOfSession } from '../../../src/broker/sign-in/sessions.ts';
import { beginVisit, visitorOf } from '../../../src/broker/sign-in/visits.ts';
import { KeywardError } from '../../../src/errors.ts';
import { type Principal, usualScopes } from '../../../src/principal.ts';
import type { Vault } from '../../../src/vault/vault.ts';
import {
  acme,
  connectAcme,
  credentialOf,
  principal,
  startBroker,
  type TestBroker,
  tokensOf,
} from '../../support/broker.ts';
import { type AuthorizationServer, startAuthorizationServer } from '../../support/servers/authorization-server.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';

const [ann, bob] = [principal('ann'), principal('bob')];
const apiKey = 'acme_k7Qw9ZpX2vLr8TnB4yHd';

let server: AuthorizationServer;
/** A service whose revocation endpoint fails until it is mended. */
let fragile: HttpServer;
let mended: boolean;
/** What it says to the next revocations, one after the other, before that. */
let answers: { status: number; error?: string }[];
let under: TestBroker;

beforeAll(async () => {
  server = await startAuthorizationServer({
    extra: async (request, response) => {
      if (!request.url?.startsWith('/v1/me')) return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"user":{"email":"ann@example.com"}}');
      return true;
    },
  });
  fragile = await startHttpServer(({ url }, response) => {
    if (url === '/token') {
      const tokens = { access_token: 'fragile-access', token_type: 'Bearer', expires_in: 3600 };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(tokens));
      return;
    }
    const { status, error } = answers.shift() ?? { status: mended ? 200 : 503 };
    response.writeHead(status, { 'content-type': 'application/json' }).end(error && JSON.stringify({ error }));
  });
});
afterAll(async () => {
  await server.close();
  await fragile.close();
});
beforeEach(async () => {
  mended = false;
  answers = [];
  const { origin, host } = fragile;
  const definition = {
    id: 'custom.fragile',
    name: 'Fragile',
    categories: ['testing'],
    docsUrl: 'https://fragile.example/docs',
    appUrl: 'https://fragile.example/apps',
    api: { baseUrl: `${origin}/v1`, allowedHosts: [host] },
    auth: [
      {
        authenticationType: 'oauth2_client_credentials',
        tokenEndpoint: `${origin}/token`,
        revocationEndpoint: `${origin}/revoke`,
        scopes: [],
      },
    ],
  };
  under = await startBroker({
    origin: server.issuer,
    definitions: [definition],
    allow: [host],
    settings: {
      release: 'approve',
      authConfigs: new Map([
        [acme, { clientId: 'keyward', clientSecret: 'keyward-secret' }],
        ['custom.fragile', { clientId: 'keyward', clientSecret: 'canary-client-secret' }],
      ]),
    },
  });
});
afterEach(() => under.close());

async function connect(who: Principal, connectorId: string, authenticationType: string, more = {}): Promise<string> {
  const input = { connectorId, authenticationType, ...more };
  const made = await createCredential(under.broker, who, input, { obtainedBy: 'rest' });
  if (made.kind !== 'created') throw new Error('Something is left to ask.');
  return made.credentialId;
}

const end = (who: Principal, forget = false) => endEverything(under.broker, who, { forget, onStep: () => {} });

describe('ending everything', () => {
  it('185. revokes every grant, keeps no secret that ended, and touches nobody else', async () => {
    const { broker } = under;
    const mine = [await connectAcme(broker, ann), await connectAcme(broker, ann)];
    const key = await connect(ann, acme, 'api_key', { apiKey });
    const others = await connectAcme(broker, bob);
    const tokens = await Promise.all(mine.map((id) => tokensOf(broker, ann, id)));
    const { connections } = await end(ann);
    expect(connections).toHaveLength(3);
    for (const { refreshToken } of tokens) expect(await server.isActive(refreshToken ?? '')).toBe(false);
    for (const id of mine) {
      expect(connections).toContainEqual(expect.objectContaining({ credentialId: id, revocation: 'revoked' }));
      expect(await credentialOf(broker, ann, id)).toMatchObject({ status: 'reconnect_required', shares: [] });
      expect(JSON.stringify(await tokensOf(broker, ann, id))).not.toContain(tokens[0]?.accessToken);
    }
    // What Keyward can not revoke is told with the place where the person does.
    const kept = connections.find(({ credentialId }) => credentialId === key);
    expect(kept).toMatchObject({ revocation: 'not_supported', deleted: false });
    expect(kept?.detail).toMatch(/The person ends it there/);
    expect(await broker.vault.open('credential', await credentialOf(broker, ann, key))).toEqual({
      kind: 'inputs',
      inputs: {},
    });
    expect(await server.isActive((await tokensOf(broker, bob, others)).refreshToken ?? '')).toBe(true);
    expect(await credentialOf(broker, bob, others)).toMatchObject({ status: 'active' });
  });

  it('186. goes on past a service that fails, and finishes when it is run again', async () => {
    const { broker } = under;
    const good = await connectAcme(broker, ann);
    const bad = await connect(ann, 'custom.fragile', 'oauth2_client_credentials');
    const first = await end(ann, true);
    expect(first.connections).toContainEqual(
      expect.objectContaining({ credentialId: good, revocation: 'revoked', deleted: true }),
    );
    const failed = first.connections.find(({ credentialId }) => credentialId === bad);
    expect(failed).toMatchObject({ revocation: 'failed', deleted: false });
    expect(failed?.detail).toContain('Fragile');
    // Nobody uses it meanwhile.
    expect(await credentialOf(broker, ann, bad)).toMatchObject({ status: 'reconnect_required' });
    mended = true;
    const second = await end(ann, true);
    expect(second.connections).toEqual([
      expect.objectContaining({ credentialId: bad, revocation: 'revoked', deleted: true }),
    ]);
    expect((await end(ann)).connections).toEqual([]);
  });

  it('422. counts a grant as ended by its service’s own word, never because another one like it ended', async () => {
    const revocation = { revocationEndpoint: `${fragile.origin}/revoke`, revocation: { ends: 'grant' } };
    const google = await startBroker({ origin: server.issuer, allow: [fragile.host], oauth2: revocation });
    const { broker } = google;
    // What the service calls them says nothing of whose they are: two accounts look like one.
    const ids = [await connectAcme(broker, ann), await connectAcme(broker, ann)];
    for (const id of ids) {
      const record = { ...(await credentialOf(broker, ann, id)), account: null };
      await broker.vault.commit([{ op: 'update', kind: 'credential', record }]);
    }
    const run = async () => {
      const { connections } = await endEverything(broker, ann, { forget: true, onStep: () => {} });
      return connections.map(({ revocation, deleted }) => [revocation, deleted]).sort();
    };
    answers = [{ status: 200 }, { status: 400, error: 'invalid_request' }];
    expect(await run()).toEqual([
      ['failed', false],
      ['revoked', true],
    ]);
    answers = [{ status: 503 }];
    expect(await run()).toEqual([['failed', false]]);
    // It lived on the same grant, and the service says so.
    answers = [{ status: 400, error: 'invalid_token' }];
    expect(await run()).toEqual([['revoked', true]]);
    await google.close();
  });

  it('187. ends shares, session tokens, signed-in browsers, connect flows and approvals of that owner alone', async () => {
    const { broker } = under;
    const id = await connectAcme(broker, ann);
    const credential = await credentialOf(broker, ann, id);
    const share = () => shareConnection(broker, ann, { connectionId: id, with: 'user:bob', permission: 'use' });
    await expect(share()).rejects.toMatchObject({ code: 'approval_required' });
    const [asked] = await openApprovals(broker, ann);
    await decide(broker, ann, asked?.approvalId ?? '', { answer: 'once' });
    await share();
    const release = () => requireApproval(broker, ann, { credential, action: 'credential.release', act: 'release' });
    await expect(release()).rejects.toMatchObject({ code: 'approval_required' });
    const open = (await openApprovals(broker, ann)).find(({ act }) => act === 'release');
    await decide(broker, ann, open?.approvalId ?? '', { answer: 'minutes', minutes: 60 });
    await release();
    const session = { scopes: usualScopes, expiresAt: null, tenant: 'local' };
    const { token } = await createSession(broker, ann, { ...session, user: 'ann' });
    const { token: bobs } = await createSession(broker, ann, { ...session, user: 'bob' });
    const visit = await beginVisit(broker, ann);
    const oauth2 = { connectorId: acme, authenticationType: 'oauth2' };
    const started = await createCredential(broker, ann, oauth2, { obtainedBy: 'tool' });
    if (started.kind !== 'attempt') throw new Error('Nothing was left to ask.');

    const receipt = await end(ann);
    expect(receipt).toMatchObject({ shares: 1, sessions: 1, browsers: 1, attempts: 1, approvals: 1 });
    expect(await principalOfSession(broker, token)).toBeNull();
    expect(await principalOfSession(broker, bobs)).not.toBeNull();
    expect(await visitorOf(broker, visit)).toBeNull();
    expect(await broker.vault.findAttempt(started.attemptId)).toMatchObject({ status: 'failed' });
    const use = (who: Principal) => getConnectionCredentials(broker, who, { connectionId: id });
    await expect(use(bob)).rejects.toMatchObject({ code: 'not_found' });
    await expect(release()).rejects.toMatchObject({ code: 'approval_required' });
  });

  it('lets nobody use a connection from its first step on, and no part that fails keeps another from its turn', async () => {
    const { broker } = under;
    const id = await connectAcme(broker, ann);
    const { token } = await createSession(broker, ann, {
      ...{ scopes: usualScopes, expiresAt: null, tenant: 'local' },
      user: 'ann',
    });
    let atFirst: unknown;
    let late = '';
    const vault: Vault = {
      ...broker.vault,
      async list(kind, ...rest) {
        if (kind === 'signInCode') atFirst = (await credentialOf(broker, ann, id)).status;
        if (kind === 'visit') throw new KeywardError('storage_failed', 'The disk does not answer.');
        // Somebody connects while the rest ends.
        if (kind === 'approval' && late === '') late = await connect(ann, acme, 'api_key', { apiKey });
        return broker.vault.list(kind, ...rest);
      },
    };
    const receipt = await endEverything({ ...broker, vault }, ann, { forget: false, onStep: () => {} });
    expect(atFirst).toBe('reconnect_required');
    expect(receipt).toMatchObject({
      sessions: 1,
      problems: ['Signed-in browsers: The disk does not answer.'],
      connections: [{ credentialId: id }, { credentialId: late }],
    });
    expect(await principalOfSession(broker, token)).toBeNull();
    expect(await credentialOf(broker, ann, late)).toMatchObject({ status: 'reconnect_required' });
  });

  it('brings nothing back that ended: neither a grant from before nor a connection without a secret', async () => {
    const { broker } = under;
    const id = await connect(ann, 'custom.fragile', 'oauth2_client_credentials');
    const again = () => connect(ann, 'custom.fragile', 'oauth2_client_credentials', { credentialId: id });
    await expect(again()).rejects.toMatchObject({ code: 'approval_required' });
    const [asked] = await openApprovals(broker, ann);
    await decide(broker, ann, asked?.approvalId ?? '', { answer: 'once' });
    await again();
    const empty = await connect(ann, acme, 'api_key', { apiKey });
    const record = await credentialOf(broker, ann, empty);
    const nothing = { kind: 'inputs', inputs: {} } as const;
    await broker.vault.commit([{ op: 'update', kind: 'credential', record, secret: nothing }]);
    const outcomes = async () =>
      Object.fromEntries((await end(ann)).connections.map((one) => [one.credentialId, one.revocation]));
    expect(await outcomes()).toEqual({ [id]: 'failed', [empty]: 'not_supported' });
    expect(await broker.vault.get('replacedSecret', ann, id)).toBeDefined();
    const revert = () => revertReconnect(broker, ann, { credentialId: id });
    await expect(revert()).rejects.toMatchObject({ code: 'reconnect_required' });
    mended = true;
    expect(await outcomes()).toEqual({ [id]: 'revoked', [empty]: 'not_supported' });
    await expect(revert()).rejects.toMatchObject({ code: 'reconnect_required' });
    expect(await broker.vault.get('replacedSecret', ann, id)).toBeUndefined();
  });

  it('188. writes into the audit log what it is about to end, and no secret into its receipt', async () => {
    const bad = await connect(ann, 'custom.fragile', 'oauth2_client_credentials');
    const receipt = await end(ann);
    const actions = (await under.audited()).map(({ action, subject, outcome }) => [action, subject, outcome]);
    const everything = actions.findIndex(([action]) => action === 'everything.end');
    const ended = actions.findIndex(([action, subject]) => action === 'credential.end' && subject === bad);
    expect(everything).toBeGreaterThanOrEqual(0);
    expect(ended).toBeGreaterThan(everything);
    expect(actions.slice(ended)).toContainEqual(['credential.revoke', bad, 'failed']);
    expect(JSON.stringify([receipt, under.logged()])).not.toMatch(/canary|fragile-access/);
  });

  it('188. needs the scope to change credentials, and is nobody’s to do for somebody else', async () => {
    const reader = { ...ann, scopes: new Set(['credentials:read'] as const) };
    await expect(end(reader)).rejects.toMatchObject({ code: 'insufficient_scope' });
    await expect(end({ ...ann, actor: 'backend' })).rejects.toMatchObject({ code: 'forbidden' });
  });
});
