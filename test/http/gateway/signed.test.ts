/** The gateway in front of a service that wants every request signed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxSigned } from '../../../src/broker/calls/sigv4.ts';
import { person } from '../../support/principals.ts';
import { type Arrived, awsRefusal } from '../../support/servers/aws-signature.ts';
import { type EchoEnv, echoEnv } from '../../support/servers/echo-connector.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';

const ann = person('acme', 'ann');
const key = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'gateway+canary/of/aws' };

let store: HttpServer;
let echo: EchoEnv;
let keyward: RestServer;
beforeAll(async () => {
  store = await startHttpServer(({ method, url: target, headers, body }, response) => {
    const service = /\/(s3|dynamodb)\/aws4_request/.exec(headers.authorization ?? '')?.[1] ?? '';
    const arrived: Arrived = { method, target, headers, body };
    const refusal = awsRefusal(arrived, { ...key, service, region: 'eu-central-1' });
    const payload = headers['x-amz-content-sha256'];
    const framing = headers['content-length'] ?? headers['transfer-encoding'];
    response.writeHead(refusal === null ? 200 : 403, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ refusal, length: body.length, payload, framing }));
  });
  echo = await echoEnv(store.origin);
  keyward = await startRest(echo.env, new Map([['ann', ann]]));
});
afterAll(async () => {
  await keyward.close();
  await Promise.all([store.close(), echo.remove()]);
});

async function connect(service: string): Promise<string> {
  const where = { baseUrl: store.origin, service, region: 'eu-central-1' };
  const input = { connectorId: 'generic-aws-sigv4', authenticationType: 'aws_sigv4', ...where, ...key };
  return String((await keyward.keyward.run('create_credential', input, { principal: ann })).credentialId);
}

/** Sends a body of so many bytes in pieces, without a length. */
async function upload(id: string, bytes: number, headers: Record<string, string> = {}) {
  const pieces = async function* () {
    for (let left = bytes; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536), 'a');
  };
  const response = await fetch(`${keyward.origin}/proxy/${id}/a%20b/(1)?x=1+2&y=%2B&x`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${keyward.token('ann')}`, ...headers },
    body: ReadableStream.from(pieces()),
    duplex: 'half',
  } as RequestInit);
  return { status: response.status, body: await response.json() };
}

describe('the gateway to a service that wants signatures', () => {
  it.each(['s3', 'dynamodb'])('signs what a program sends to %s, and takes its own signature away', async (service) => {
    const id = await connect(service);
    const headers = { 'x-amz-date': '20150830T123600Z', 'x-amz-security-token': 'mine', 'x-amz-target': 'T.List' };
    const answer = await keyward.send('ann', 'POST', `/proxy/${id}/a//b?q=x%20y`, { body: { a: 1 }, headers });
    expect(answer.body).toMatchObject({ refusal: null, length: 7 });
    expect(store.seen.at(-1)?.headers).not.toHaveProperty('x-amz-security-token');
  });

  it('passes a stream on to S3 as it comes, unsigned, as S3 takes it', async () => {
    const { body } = await upload(await connect('s3'), 300_000);
    expect(body).toMatchObject({ refusal: null, length: 300_000, payload: 'UNSIGNED-PAYLOAD', framing: 'chunked' });
  });

  it('reads a stream to another service first, and signs all of it', async () => {
    const { body } = await upload(await connect('dynamodb'), 300_000);
    expect(body).toMatchObject({ refusal: null, length: 300_000, framing: '300000' });
    expect((body as { payload: string }).payload).toMatch(/^[0-9a-f]{64}$/);
  });

  it('59. reads no more of a stream than it says, and sends nothing of it then', async () => {
    const id = await connect('dynamodb');
    const before = store.seen.length;
    const { status, body } = await upload(id, maxSigned + 1);
    expect([status, body]).toMatchObject([422, { error: { code: 'invalid_input' } }]);
    expect(store.seen.length).toBe(before);
  });

  it('refuses chunks that somebody else signed', async () => {
    const { status } = await upload(await connect('s3'), 10, { 'content-encoding': 'aws-chunked' });
    expect(status).toBe(422);
  });
});
