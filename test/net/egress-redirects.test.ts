import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Egress, EgressRequest } from '../../src/net/egress.ts';
import { createEgress } from '../../src/net/open-egress.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';

let first: HttpServer;
let other: HttpServer;
let egress: Egress;
beforeAll(async () => {
  other = await startHttpServer((_, response) => void response.end('other'));
  first = await startHttpServer(({ url }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://first');
    if (pathname === '/end') response.end('end');
    else response.writeHead(Number(pathname.slice(1)), { location: searchParams.get('to') ?? '' }).end();
  });
  egress = createEgress({ allow: [first.host, other.host] });
});
afterAll(() => Promise.all([egress.close(), first.close(), other.close()]));

const secrets = { authorization: 'Bearer s', cookie: 'a=s', 'x-api-key': 's', 'x-shopify-access-token': 's' };

function ask(path: string, changes: Partial<EgressRequest> = {}) {
  const hosts = [first.host, other.host];
  return egress.request({ url: new URL(`${first.origin}${path}`), hosts, redirects: 3, headers: secrets, ...changes });
}

const to = (target: string) => `?to=${encodeURIComponent(target)}`;

describe('egress and redirects', () => {
  it.each([301, 302, 303, 307, 308])('54. a %i to another origin takes no credential along', async (status) => {
    const answer = await ask(`/${status}${to(`${other.origin}/`)}`, { headers: { ...secrets, accept: 'text/plain' } });
    expect(answer.url.origin).toBe(other.origin);
    const headers = other.seen.at(-1)?.headers ?? {};
    for (const name of Object.keys(secrets)) expect(headers[name], name).toBeUndefined();
    expect(headers.accept).toBe('text/plain');
  });

  it('54. a redirect within the origin keeps the credentials', async () => {
    await ask(`/302${to('/end')}`);
    expect(first.seen.at(-1)?.headers).toMatchObject(secrets);
  });

  it.each([307, 308])('54. a body is never sent on to another origin by a %i', async (status) => {
    const before = other.seen.length;
    const request = ask(`/${status}${to(`${other.origin}/`)}`, { method: 'POST', body: 'refresh_token=s' });
    await expect(request).rejects.toMatchObject({ code: 'egress_refused' });
    expect(other.seen.length).toBe(before);
  });

  it.each([301, 302, 303])('54. a POST becomes a GET without its body at a %i', async (status) => {
    await ask(`/${status}${to('/end')}`, {
      method: 'POST',
      body: 'refresh_token=s',
      headers: { 'content-type': 'text/plain' },
    });
    expect(first.seen.at(-1)).toMatchObject({ method: 'GET', body: '' });
    expect(first.seen.at(-1)?.headers['content-type']).toBeUndefined();
  });

  it('54. a redirect to a host off the list is refused, and so are other schemes and addresses', async () => {
    for (const target of [
      `${other.origin}/`,
      'https://169.254.169.254/',
      'http://[::1]/',
      'file:///etc/passwd',
      '//evil.test/',
    ]) {
      const before = other.seen.length;
      const request = ask(`/302${to(target)}`, { hosts: [first.host, '169.254.169.254', '[::1]'] });
      await expect(request, target).rejects.toMatchObject({ code: 'egress_refused' });
      expect(other.seen.length).toBe(before);
    }
  });

  it('a chain is followed as far as it may be long, then refused', async () => {
    const chain = (length: number): string => (length === 0 ? '/end' : `/302${to(chain(length - 1))}`);
    expect((await ask(chain(3))).status).toBe(200);
    await expect(ask(chain(4))).rejects.toMatchObject({ code: 'egress_refused' });
  });

  it('without redirects, the redirect itself is the answer', async () => {
    const answer = await ask(`/302${to('/end')}`, { redirects: 0 });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/end']);
  });
});
