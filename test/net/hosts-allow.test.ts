import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEgress } from '../../src/net/open-egress.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';

let local: HttpServer;
const asked: string[] = [];
beforeAll(async () => {
  local = await startHttpServer(({ url }, response) =>
    url === '/away'
      ? void response.writeHead(302, { location: 'https://evil.example/' }).end()
      : void response.end('here'),
  );
});
afterAll(() => local.close());

/** Answers the code, and whether a name was resolved for it. */
async function reach(url: string, only: readonly string[] | null, hosts = [new URL(url).host, 'evil.example']) {
  const resolve = async (host: string) => {
    asked.push(host);
    throw Object.assign(new Error('No such host.'), { code: 'ENOTFOUND' });
  };
  const egress = createEgress({ allow: [local.host], only, resolve });
  asked.length = 0;
  const told = await egress.request({ url: new URL(url), hosts, redirects: 3 }).then(
    ({ status }) => `${status}`,
    ({ code, hint }: { code: string; hint?: string }) =>
      hint?.includes('KEYWARD_HOSTS_ALLOW') ? `${code} by the list` : code,
  );
  await egress.close();
  return { told, asked: [...asked] };
}

const off = { told: 'egress_refused by the list', asked: [] };

describe('87. KEYWARD_HOSTS_ALLOW', () => {
  it.each([
    'https://evil.example/?d=PRIVATE',
    'https://good.example.evil.example/',
    'https://example/',
    'https://1.1.1.1/',
  ])('keeps every request off %s, and no name is resolved for it', async (url) =>
    expect(await reach(url, ['good.example', '*.good.example'])).toEqual(off),
  );

  it.each(['https://good.example/', 'https://GOOD.example/', 'https://a.b.below.example/'])(
    'lets %s through',
    async (url) => {
      expect(await reach(url, ['good.example', '*.below.example'])).toMatchObject({ told: 'provider_unavailable' });
    },
  );

  it('holds a domain’s own host only where it is named itself, and a port where one is named', async () => {
    expect(await reach('https://below.example/', ['*.below.example'])).toEqual(off);
    expect(await reach('https://good.example:8443/', ['good.example:443'])).toEqual(off);
  });

  it('holds for where a redirect leads', async () => {
    expect(await reach(`${local.origin}/away`, ['good.example'])).toEqual(off);
  });

  it('adds nothing to what may be called: hosts of KEYWARD_EGRESS_ALLOW are on it, private addresses are not', async () => {
    expect(await reach(`${local.origin}/`, [])).toMatchObject({ told: '200' });
    expect((await reach('https://10.0.0.1/', ['10.0.0.1'])).told).toBe('egress_refused');
  });

  it('reaches nothing where it is empty, and every public host where there is none', async () => {
    expect(await reach('https://good.example/', [])).toEqual(off);
    expect((await reach('https://good.example/', null)).told).toBe('provider_unavailable');
  });
});
