import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { submitInputs } from '../../../src/broker/connect/page-forms.ts';
import { getConnection } from '../../../src/broker/credentials/manage.ts';
import { getCredentialMetadata } from '../../../src/broker/credentials/metadata.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { fresh } from '../../../src/broker/grants/refresh.ts';
import { loadCatalogue } from '../../../src/connectors/catalogue.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { ageTokens, credentialOf, startBroker, type TestBroker, tokensOf } from '../../support/broker.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const keyFile = {
  type: 'service_account',
  client_email: 'robot@project.iam.example',
  private_key_id: 'key-1',
  private_key: pem,
  // A key file says where to send the assertion; the definition decides.
  token_uri: 'https://evil.example/token',
};

let server: HttpServer;
let test: TestBroker;
let issued = 0;
/** False: the server has forgotten the key. */
let keyKnown = true;

/** A token endpoint that checks an assertion as RFC 7523 §3 wants it. */
beforeEach(async () => {
  issued = 0;
  keyKnown = true;
  server = await startHttpServer(async ({ body }, response) => {
    const form = new URLSearchParams(body);
    const answer = (status: number, content: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(content));
    };
    try {
      const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
        audience: `${server.origin}/token`,
        issuer: keyFile.client_email,
        maxTokenAge: '1 minute',
      });
      const lifetime = (payload.exp ?? 0) - (payload.iat ?? 0);
      const right =
        keyKnown &&
        form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
        [...form.keys()].sort().join() === 'assertion,grant_type' &&
        protectedHeader.kid === 'key-1' &&
        payload.scope === 'a b' &&
        lifetime === 3600;
      if (!right) throw new Error('refused');
      issued += 1;
      answer(200, { access_token: `at-${issued}-${payload.sub}`, expires_in: 3599, token_type: 'Bearer' });
    } catch {
      answer(400, { error: 'invalid_grant' });
    }
  });
  const definition = {
    id: 'custom.robot',
    name: 'Robot',
    categories: ['testing'],
    docsUrl: 'https://robot.example/docs',
    appUrl: 'https://robot.example/apps',
    api: { baseUrl: `${server.origin}/v1`, allowedHosts: [server.host] },
    auth: [
      {
        ...(await loadCatalogue(null))
          .require('google-drive')
          .auth.find((auth) => auth.authenticationType === 'oauth2_jwt_bearer'),
        title: 'Service account',
        api: undefined,
        issuer: undefined,
        revocationEndpoint: undefined,
        scopesInput: undefined,
        tokenResponse: undefined,
        tokenEndpoint: `${server.origin}/token`,
        scopes: ['a', 'b'],
        assertion: {
          issuer: 'serviceAccountKey.client_email',
          subject: 'subject',
          privateKey: 'serviceAccountKey.private_key',
          keyId: 'serviceAccountKey.private_key_id',
          scopeClaim: 'scope',
        },
      },
    ],
  };
  test = await startBroker({ origin: server.origin, definitions: [definition] });
});
afterEach(async () => {
  await test.close();
  await server.close();
});

const base = { connectorId: 'custom.robot', authenticationType: 'oauth2_jwt_bearer' };
const create = (fields: Record<string, unknown>) =>
  createCredential(test.broker, me, { ...base, ...fields }, { obtainedBy: 'tool' });

async function connected(fields: Record<string, unknown> = {}): Promise<string> {
  const created = await create({ serviceAccountKey: JSON.stringify(keyFile, null, 2), ...fields });
  if (created.kind !== 'created') throw new Error('Something was left to ask.');
  return created.credentialId;
}

describe('a service account', () => {
  it('signs for itself, and signs again when its token ends: no person, no refresh token', async () => {
    const id = await connected();
    expect(await tokensOf(test.broker, me, id)).toMatchObject({
      accessToken: `at-1-${keyFile.client_email}`,
      refreshToken: null,
      scopes: ['a', 'b'],
    });
    await ageTokens(test.broker, me, id, -1_000);
    const { secret, credential } = await fresh(test.broker, await credentialOf(test.broker, me, id));
    expect(secret).toMatchObject({ accessToken: `at-2-${keyFile.client_email}` });
    expect(credential).toMatchObject({ status: 'active', reconnectBy: null });
    await ageTokens(test.broker, me, id, -1_000);
    await fresh(test.broker, await credentialOf(test.broker, me, id));
    expect(issued).toBe(3);
  });

  it('signs again before its token ends', async () => {
    const id = await connected();
    await ageTokens(test.broker, me, id, 60_000);
    const { secret } = await fresh(test.broker, await credentialOf(test.broker, me, id));
    expect(secret).toMatchObject({ accessToken: `at-2-${keyFile.client_email}` });
  });

  it('acts for a person of its domain', async () => {
    const id = await connected({ subject: 'ann@example.com' });
    expect(await tokensOf(test.broker, me, id)).toMatchObject({ accessToken: 'at-1-ann@example.com' });
  });

  it('42. its key is never answered, shown or logged', async () => {
    const id = await connected();
    const canary = pem.split('\n')[3] ?? '';
    const shown = [
      await getConnection(test.broker, me, { connectionId: id }),
      await getConnectionCredentials(test.broker, me, { connectionId: id }),
      await credentialOf(test.broker, me, id),
      test.logged(),
      await test.audited(),
    ];
    expect(canary.length).toBeGreaterThan(40);
    expect(JSON.stringify(shown)).not.toContain(canary);
  });

  it('whose key was deleted at the service has to be connected again', async () => {
    const id = await connected();
    keyKnown = false;
    await ageTokens(test.broker, me, id, -1_000);
    await expect(fresh(test.broker, await credentialOf(test.broker, me, id))).rejects.toMatchObject({
      code: 'reconnect_required',
    });
  });

  it.each([
    ['no JSON', 'not json', 'invalid_input'],
    ['a list', '[1]', 'invalid_input'],
    ['no key', JSON.stringify({ client_email: 'a@b' }), 'invalid_input'],
    [
      'no key but a public one',
      JSON.stringify({ ...keyFile, private_key: publicKey.export({ type: 'spki', format: 'pem' }) }),
      'invalid_input',
    ],
    ['no name', JSON.stringify({ private_key: pem }), 'invalid_input'],
    ['the key of somebody else', JSON.stringify({ ...keyFile, client_email: 'other@x' }), 'provider_refused'],
  ])(
    'with a file that holds %s is a typed error, and nothing is stored or quoted',
    async (_, serviceAccountKey, code) => {
      const error = await create({ serviceAccountKey }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code });
      expect(JSON.stringify(error)).not.toContain('PRIVATE KEY');
      expect(await test.broker.vault.list('credential', me, {}, { limit: 5 })).toEqual([]);
      expect(issued).toBe(0);
    },
  );

  it('is asked for on the page, where a wrong file is a problem of the form and the right one ends it', async () => {
    const created = await create({});
    if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
    const browser = randomBytes(16).toString('base64url');
    const look = () => viewAttempt(test.broker, created.attemptId, browser, 'local');
    const { csrf, step } = await look();
    expect(step).toBe('inputs');
    const sender = { browser, csrf, visitor: 'local' } as const;
    const submit = (file: object) =>
      submitInputs(test.broker, created.attemptId, sender, { subject: '', serviceAccountKey: JSON.stringify(file) });
    expect(await submit({ ...keyFile, client_email: 'other@x' })).toMatchObject({
      problems: { serviceAccountKey: expect.any(String) },
    });
    expect((await look()).step).toBe('inputs');
    expect(await submit(keyFile)).toBeNull();
    expect((await look()).step).toBe('completed');
    expect(issued).toBe(1);
  });

  it('needs no OAuth client, and a model is told to leave the key out', async () => {
    const { metadata } = await getCredentialMetadata(test.broker, me, { connectorId: 'custom.robot' }, 'model');
    expect(metadata[0]).toMatchObject({
      authConfigRequired: false,
      inputSchema: { properties: { serviceAccountKey: { description: expect.stringContaining('Leave this out') } } },
    });
    expect(metadata[0]?.inputSchema.required).not.toContain('serviceAccountKey');
  });
});
