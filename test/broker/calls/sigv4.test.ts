/** AWS Signature Version 4, against the examples that AWS publishes and against a service that checks for itself. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { signed } from '../../../src/broker/calls/sigv4.ts';
import type { EgressRequest } from '../../../src/net/egress.ts';
import { awsRefusal } from '../../support/servers/aws-signature.ts';

const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const scope = { service: 'service', region: 'us-east-1' };
const request = (url: string, more: Partial<EgressRequest> = {}): EgressRequest => {
  return { url: new URL(url), hosts: [], ...more };
};
const signatureOf = ({ headers = {} }: EgressRequest) => /Signature=(\w+)$/.exec(headers.authorization ?? '')?.[1];

/** What a service receives. */
const arrived = ({ url, method = 'GET', headers = {}, body = '' }: EgressRequest) => ({
  method,
  target: `${url.pathname}${url.search}`,
  headers: { ...headers, host: url.host },
  body: body as string,
});

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

describe('the signature of a request', () => {
  // github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4: those whose body is signed, as Keyward's always is.
  it.each([
    ['application/x-www-form-urlencoded', 'd3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b'],
    [
      'application/x-www-form-urlencoded; charset=utf-8',
      '328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422',
    ],
  ])('is the one of the AWS test suite for a form of type %s', async (type, signature) => {
    vi.setSystemTime('2015-08-30T12:36:00Z');
    const headers = { 'content-type': type, 'content-length': '13' };
    const form = request('https://example.amazonaws.com/', { method: 'POST', headers, body: 'Param1=value1' });
    const out = await signed(form, scope, key);
    expect(signatureOf(out)).toBe(signature);
    expect(awsRefusal(arrived(out), { ...key, ...scope })).toBeNull();
  });

  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  it.each([
    ['/test.txt', { range: 'bytes=0-9' }, 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
    ['/?lifecycle', {}, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['/?max-keys=2&prefix=J', {}, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('is the one of the S3 reference for %s', async (path, headers, signature) => {
    vi.setSystemTime('2013-05-24T00:00:00Z');
    const account = {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    };
    const s3 = { service: 's3', region: 'us-east-1' };
    const out = await signed(request(`https://examplebucket.s3.amazonaws.com${path}`, { headers }), s3, account);
    expect(signatureOf(out)).toBe(signature);
    expect(awsRefusal(arrived(out), { ...account, ...s3 })).toBeNull();
  });
});

describe('a service that checks signatures for itself', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((one) => !/\p{Surrogate}/u.test(one));
  const odd = fc.constantFrom('a b', 'a+b', 'a/b', '%2F', "!'()*", '=&?#', '~._-', 'é', '漢字', '😀', '', '%', ';:@$,');
  const part = fc.oneof(text, odd);
  const names = part.filter((name) => name !== '__proto__');

  it.each(['s3', 'dynamodb'])('finds every one of %s good, whatever path, query and body hold', async (service) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          part.filter((one) => !/^\.{0,2}$/.test(one)),
          { maxLength: 4 },
        ),
        fc.array(fc.tuple(names, part), { maxLength: 6 }),
        fc.option(part, { nil: undefined }),
        fc.boolean(),
        async (segments, parameters, body, form) => {
          const url = new URL('https://host.example');
          url.pathname = segments.map(encodeURIComponent).join('/');
          const raw = parameters.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
          url.search = form ? new URLSearchParams(parameters).toString() : raw;
          const headers = { accept: 'application/json', 'x-amz-target': 'Table.List', 'user-agent': 'x' };
          const given = { url, hosts: [], method: body === undefined ? 'GET' : 'POST', headers };
          const at = { service, region: 'eu-central-1' };
          const out = await signed(body === undefined ? given : { ...given, body }, at, key);
          expect(awsRefusal(arrived(out), { ...key, ...at })).toBeNull();
          // What arrives is what was meant.
          expect(out.url.pathname.split('/').map(decodeURIComponent)).toEqual(
            url.pathname.split('/').map(decodeURIComponent),
          );
          expect([...new URLSearchParams(out.url.search)]).toEqual([...new URLSearchParams(url.search)]);
        },
      ),
    );
  });

  it('refuses one that was changed on the way: host, path, query, body, headers, time', async () => {
    const headers = { 'content-type': 'application/json', 'x-amz-target': 'Table.List' };
    const out = arrived(
      await signed(request('https://a.example/b?c=d', { method: 'POST', headers, body: '{}' }), scope, key),
    );
    const account = { ...key, ...scope };
    expect(awsRefusal(out, account)).toBeNull();
    for (const changed of [
      { headers: { ...out.headers, host: 'b.example' } },
      { headers: { ...out.headers, 'x-amz-target': 'Table.Drop' } },
      { headers: { ...out.headers, 'x-amz-acl': 'public-read' } },
      { target: '/c?c=d' },
      { target: '/b?c=e' },
      { method: 'PUT' },
      { body: '[]' },
    ])
      expect(awsRefusal({ ...out, ...changed }, account)).not.toBeNull();
    expect(awsRefusal(out, account, Date.now() + 600_000)).toMatch(/expired/);
    expect(awsRefusal(out, { ...account, secretAccessKey: 'x' })).toBe('SignatureDoesNotMatch');
  });

  it('finds a session token signed, and misses one that is not there', async () => {
    const account = { ...key, sessionToken: 'session//token==' };
    const out = arrived(await signed(request('https://a.example/'), scope, account));
    expect(awsRefusal(out, { ...account, ...scope })).toBeNull();
    expect(awsRefusal(out, { ...key, ...scope })).toBe('InvalidClientTokenId');
  });
});

describe('what can not be signed', () => {
  it.each([
    ['a header that is not ASCII', { headers: { 'x-amz-meta-name': 'caf\u00e9' } }],
    ['chunks that somebody else signed', { headers: { 'content-encoding': 'aws-chunked' } }],
    ['a query that is no text', { url: new URL('https://a.example/?a=%ff') }],
  ])('is refused: %s', async (_, more) => {
    await expect(signed(request('https://a.example/', more), scope, key)).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it.each(['us-east-1/s3', '', 'a b', 'aws4_request\n'])('is refused for the region %j', async (region) => {
    await expect(signed(request('https://a.example/'), { ...scope, region }, key)).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});
