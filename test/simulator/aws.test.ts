/** The connectors of AWS, as they are written, against services that check every signature by themselves. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ApiInput, callApi } from '../../src/broker/calls/call-api.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import { getConnection, listCredentials } from '../../src/broker/credentials/manage.ts';
import { getCredentialMetadata } from '../../src/broker/credentials/metadata.ts';
import { getConnectionCredentials } from '../../src/broker/credentials/release.ts';
import { verifyCredential } from '../../src/broker/credentials/verify.ts';
import { readBuiltin } from '../../src/connectors/builtin.ts';
import type { ConnectorFile } from '../../src/connectors/definition/definition.ts';
import { createEgress } from '../../src/net/open-egress.ts';
import { scrubbed } from '../../src/net/scrub/scrub.ts';
import { localPrincipal as me } from '../../src/principal.ts';
import { credentialOf, startBroker, type TestBroker } from '../support/broker.ts';
import { awsArn, type SimulatedAws, startAws } from './aws.ts';

const key = { accessKeyId: 'ASIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+canary' };
const sessionToken = 'IQoJb3JpZ2luX2VjE//session+canary==';

let aws: SimulatedAws;
let test: TestBroker;
beforeAll(async () => {
  aws = await startAws({ ...key, sessionToken });
  const definitions = ['aws', 'aws-global'].map((id) => placedAws(id, aws.origin));
  test = await startBroker({ origin: aws.origin, definitions });
});
afterAll(async () => {
  await test.close();
  await aws.close();
});
afterEach(() => {
  aws.clockOffset = 0;
  aws.failure = null;
});

/** The definition with its hosts as paths of the simulator; everything else as it is written. */
function placedAws(id: string, origin: string): ConnectorFile {
  const file = readBuiltin(id);
  if (file === undefined) throw new Error(`There is no connector ${id}.`);
  const moved = JSON.parse(
    JSON.stringify(file).replaceAll('https://{', `${origin}/{`).replaceAll('https://sts', `${origin}/sts`),
  );
  return { ...moved, id: `simulated.${id}`, aliases: [], api: { ...moved.api, allowedHosts: [new URL(origin).host] } };
}

async function connect(fields: Record<string, string>, id = 'aws'): Promise<string> {
  const input = { connectorId: `simulated.${id}`, authenticationType: 'aws_sigv4', ...key, sessionToken, ...fields };
  const created = await createCredential(test.broker, me, input, { obtainedBy: 'rest' });
  if (created.kind !== 'created') throw new Error('Something was left to ask.');
  return created.credentialId;
}

const call = (connectionId: string, input: Partial<ApiInput>) =>
  callApi(test.broker, me, { connectionId, method: 'GET', path: '/', ...input });
const verify = (credentialId: string) => verifyCredential(test.broker, me, { credentialId });

describe('the connector aws', () => {
  it('asks for key, service and region; what is secret is typed on a page', async () => {
    const { metadata } = await getCredentialMetadata(test.broker, me, { connectorId: 'aws' }, 'model');
    expect(metadata).toMatchObject([{ authenticationType: 'aws_sigv4', authConfigRequired: false }]);
    const { properties = {}, required } = metadata[0]?.inputSchema ?? {};
    expect(required).toEqual(['authenticationType', 'service', 'accessKeyId']);
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(['region', 'secretAccessKey', 'sessionToken']));
    expect(properties.secretAccessKey).toMatchObject({ writeOnly: true });
    expect(properties.sessionToken).toMatchObject({ writeOnly: true });
  });

  it('is checked by STS, which knows the account, though the connection is for another service', async () => {
    const id = await connect({ service: 'dynamodb', region: 'eu-central-1' });
    expect(await verify(id)).toMatchObject({ status: 'active', account: awsArn });
    expect((await credentialOf(test.broker, me, id)).account).toBe(awsArn);
  });

  it.each([
    ['dynamodb', { method: 'POST', headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables' }, body: { Limit: 1 } }],
    ['lambda', { path: '/2015-03-31/functions/arn:aws:lambda:eu-central-1:1:function:f/invocations' }],
    ['ec2', { query: { Action: 'DescribeInstances', 'Filter.1.Value': ['a b', 'c+d'], Version: '2016-11-15' } }],
    ['s3', { path: '/bucket/a%20b/%C3%A9+(1)*.txt', query: { acl: '' } }],
    ['s3', { method: 'PUT', path: '/bucket//twice', body: 'content' }],
  ] as const)('signs calls of %s: %j', async (service, input) => {
    const id = await connect({ service, region: 'eu-central-1' });
    const answer = await call(id, input as Partial<ApiInput>);
    expect(answer).toMatchObject({ status: 200 });
  });

  it('57. shows neither secret, and sends the secret access key nowhere', async () => {
    const id = await connect({ service: 'dynamodb' });
    const { body } = await call(id, { method: 'POST', body: {} });
    const { seen } = body as { seen: Record<string, string> };
    expect(seen['x-amz-security-token']).toBe(scrubbed);
    // 70. The signature that was just sent, too: with it the request could be sent again for some minutes.
    expect(seen.authorization).toMatch(/Credential=.*Signature=\[redacted\]$/);
    const everything = JSON.stringify([aws.seen, body, await test.audited(), test.logged()]);
    expect(everything).not.toContain(key.secretAccessKey);
    const shown = JSON.stringify([
      body,
      await test.audited(),
      await listCredentials(test.broker, me, {}),
      test.logged(),
    ]);
    expect(shown).not.toContain('canary');
    expect(JSON.stringify(await getConnection(test.broker, me, { connectionId: id }))).not.toContain('canary');
  });

  it.each([
    'Authorization',
    'x-amz-date',
    'X-Amz-Security-Token',
    'x_amz_security_token',
    'x-amz-content-sha256',
    'Host',
    'Date',
  ])('55. lets nobody set %s', async (header) => {
    const id = await connect({ service: 'dynamodb' });
    const before = aws.seen.length;
    await expect(call(id, { headers: { [header]: 'x' } })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(aws.seen.length).toBe(before);
  });

  it.each(['X-Amz-Signature', 'x-amz-credential', 'X-Amz-Security-Token'])(
    'lets nobody sign by the parameter %s, in whatever spelling',
    async (parameter) => {
      const id = await connect({ service: 's3' });
      const before = aws.seen.length;
      await expect(call(id, { query: { [parameter]: 'x' } })).rejects.toMatchObject({ code: 'invalid_input' });
      const escaped = `/?${parameter.replace('-', '%2D')}=x`;
      await expect(call(id, { path: escaped })).rejects.toMatchObject({ code: 'invalid_input' });
      expect(aws.seen.length).toBe(before);
    },
  );

  it('54. signs a redirect anew below the base URL, and follows none elsewhere', async () => {
    const id = await connect({ service: 's3' });
    const host = '/s3.us-east-1.amazonaws.com';
    const to = `${host}/other?x=1`;
    expect(await call(id, { path: '/bucket', query: { redirect: to } })).toMatchObject({
      status: 200,
      body: { target: to },
    });
    const before = aws.seen.length;
    const away = { redirect: '/dynamodb.us-east-1.amazonaws.com/' };
    expect(await call(id, { path: '/bucket', query: away })).toMatchObject({ status: 307 });
    expect(aws.seen.length).toBe(before + 1);
  });

  it.each([
    [900_000, /15 minutes behind/],
    [-3_600_000, /60 minutes ahead of/],
  ])('names a clock that is wrong by %i ms, instead of the key', async (offset, words) => {
    const id = await connect({ service: 'dynamodb' });
    aws.clockOffset = offset;
    await expect(call(id, {})).rejects.toMatchObject({ code: 'provider_refused', hint: expect.stringMatching(words) });
    expect(await verify(id)).toMatchObject({ status: 'active', detail: expect.stringMatching(words) });
    aws.clockOffset = 0;
    expect(await verify(id)).toMatchObject({ status: 'active', account: awsArn });
  });

  it.each([
    [{ secretAccessKey: 'wrong-secret' }, /secret access key is wrong/],
    [{ accessKeyId: 'AKIAIOSFODNN7EXAMPLF' }, /does not know this access key ID/],
    [{ sessionToken: '' }, /session token is missing or wrong/],
  ])('says what is wrong with a key before it is stored: %j', async (fields, words) => {
    await expect(connect({ service: 'dynamodb', ...fields })).rejects.toMatchObject({
      code: 'invalid_input',
      hint: expect.stringMatching(words),
    });
  });

  it('tells credentials that expired from those that may not do something', async () => {
    const id = await connect({ service: 'dynamodb' });
    aws.failure = 'AccessDenied';
    expect(await verify(id)).toMatchObject({ status: 'active' });
    expect(await call(id, {})).toMatchObject({ status: 403 });
    aws.failure = 'ExpiredToken';
    expect(await verify(id)).toMatchObject({
      status: 'reconnect_required',
      detail: expect.stringMatching(/have expired/),
    });
    aws.failure = null;
    await connect({ service: 'dynamodb', credentialId: id });
    expect(await verify(id)).toMatchObject({ status: 'active', account: awsArn });
  });

  it('gives the key to its owner, and to nobody by a call', async () => {
    const id = await connect({ service: 'sqs', region: 'us-west-2' });
    const { credentials } = await getConnectionCredentials(test.broker, me, { connectionId: id });
    expect(credentials).toEqual({ service: 'sqs', region: 'us-west-2', ...key, sessionToken });
  });

  it.each([
    [{ service: 'evil.example/' }, 'service'],
    [{ service: 'a.b' }, 'service'],
    [{ service: 's3', region: 'us-east-1.evil' }, 'region'],
    [{ service: 's3', region: 'cn-north-1' }, 'region'],
    [{ service: 's3', accessKeyId: 'secret/with+slash' }, 'accessKeyId'],
  ])('56. takes no other host for %j', async (fields, field) => {
    await expect(connect(fields)).rejects.toMatchObject({
      code: 'invalid_input',
      details: { fields: { [field]: expect.any(String) } },
    });
  });

  it('is made for the host of its service and region, and that of STS there', async () => {
    const input = { connectorId: 'aws', authenticationType: 'aws_sigv4', ...key, service: 'sqs', region: 'eu-west-3' };
    // AWS itself is not asked.
    const shut = { ...test.broker, egress: createEgress({ allow: [], only: ['nobody.example'] }) };
    const created = await createCredential(shut, me, input, { obtainedBy: 'rest' });
    const { hosts } = await credentialOf(test.broker, me, created.kind === 'created' ? created.credentialId : '');
    expect(hosts).toEqual(['sqs.eu-west-3.amazonaws.com', 'sts.eu-west-3.amazonaws.com']);
  });
});

describe('the connector aws-global', () => {
  it.each(['iam', 'route53', 'cloudfront'])(
    'signs calls of %s for us-east-1, at a host without region',
    async (service) => {
      const id = await connect({ service }, 'aws-global');
      const { body } = await call(id, { path: '/2013-04-01/x', query: { Action: 'ListUsers' } });
      expect(body).toMatchObject({ target: `/${service}.amazonaws.com/2013-04-01/x?Action=ListUsers` });
      expect(await verify(id)).toMatchObject({ status: 'active', account: awsArn });
    },
  );
});
