/** Answers that are long, deep, or no text: what a model gets of them, and what they cost. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callApi, maxCharacters } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { acme, principal, startBroker, type TestBroker } from '../../support/broker.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';

const ann = principal('ann');
const apiKey = 'acme_s3cretS3cretS3cret';
const million = 1_048_576;
const json = { 'content-type': 'application/json' };
const text = (charset: string) => ({ 'content-type': `text/plain; charset=${charset}` });
const list = (unit: string, size: number) => `[${unit.repeat(size / unit.length).slice(0, -1)}]`;

/** Path → what is answered there. */
const answers: Readonly<Record<string, { readonly headers: Record<string, string>; readonly body: string | Buffer }>> =
  {
    '/v1/rows': { headers: json, body: list('{"id":12345678901234567890,"name":"Änn"}, \n', million) },
    '/v1/echo': { headers: text('utf-8'), body: `${'é'.repeat(maxCharacters - 10)}${apiKey} ${'-'.repeat(200_000)}` },
    '/v1/utf16': { headers: text('utf-16le'), body: Buffer.from('a'.repeat(100_000), 'utf16le') },
    '/v1/cut': { headers: text('utf-8'), body: Buffer.concat([Buffer.alloc(300_000, 'a'), Buffer.from([0xe2, 0x82])]) },
    '/v1/deep': { headers: json, body: `${'['.repeat(50_000)}${']'.repeat(50_000)}` },
  };

let server: HttpServer;
let keyward: TestBroker;
let connectionId: string;
beforeAll(async () => {
  server = await startHttpServer(({ url }, response) => {
    const { headers, body } = answers[url] ?? { headers: json, body: '{}' };
    response.writeHead(200, headers).end(body);
  });
  keyward = await startBroker({ origin: server.origin });
  const input = { connectorId: acme, authenticationType: 'api_key', apiKey };
  const created = await createCredential(keyward.broker, ann, input, { obtainedBy: 'rest' });
  connectionId = created.kind === 'created' ? created.credentialId : '';
});
afterAll(() => Promise.all([keyward.close(), server.close()]));

const get = (path: string, offset = 0) => callApi(keyward.broker, ann, { connectionId, method: 'GET', path, offset });

it('134. JSON that is too long to be shown whole is handed on as it was written, page by page, and nothing is lost', async () => {
  let read = '';
  for (let offset: number | undefined = 0; offset !== undefined; ) {
    const page = await get('/rows', offset);
    read += page.body;
    offset = page.nextOffset;
    expect(page.truncated).toBe(offset !== undefined);
  }
  expect(read).toBe(answers['/v1/rows']?.body);
});

it('134. a secret at the border of two pages of a long text is on neither', async () => {
  const first = await get('/echo');
  const second = await get('/echo', first.nextOffset);
  expect(`${first.body}${second.body}`).not.toContain(apiKey);
  expect(`${first.body}${second.body}`).toContain('[redacted]');
});

it('134. a long text in another encoding, or one that ends within a character, is described and not shown', async () => {
  expect((await get('/utf16')).body).toBe('[200000 bytes of text/plain; charset=utf-16le, not shown]');
  expect((await get('/cut')).body).toBe('[300002 bytes of text/plain; charset=utf-8, not shown]');
});

it('135. JSON fifty thousand levels deep is handed on as a text, and the next call is answered', async () => {
  const { body, truncated } = await get('/deep');
  expect(body).toBe('['.repeat(maxCharacters));
  expect(truncated).toBe(true);
  expect((await get('/me')).body).toEqual({});
});
