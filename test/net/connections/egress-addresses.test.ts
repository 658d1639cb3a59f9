import { isIP } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { toPublic } from '../../../src/errors.ts';
import { openConnections } from '../../../src/net/connections/dispatcher.ts';
import { mayConnect } from '../../../src/net/connections/target.ts';
import type { Egress, EgressResponse } from '../../../src/net/egress.ts';
import { createEgress } from '../../../src/net/open-egress.ts';
import { type DnsServer, startDnsServer } from '../../support/servers/dns-server.ts';
import { type HttpServer, startHttpServer } from '../../support/servers/http-server.ts';
import { startTlsProxy } from '../../support/servers/tls-proxy.ts';

let server: HttpServer;
let dns: DnsServer;
beforeAll(async () => {
  server = await startHttpServer((_, response) => void response.end('reached'));
  dns = await startDnsServer();
});
afterAll(() => Promise.all([server.close(), dns.close()]));

/** Asks with the URL's own host on the list, so that only the address decides. */
function get(egress: Egress, url: string): Promise<EgressResponse> {
  const target = new URL(url);
  return egress.request({ url: target, hosts: [target.host], timeoutMs: 5_000 });
}

/** Every way to write 127.0.0.1, and some relatives, as the host of a URL. */
const disguises = [
  ...['127.0.0.1', '2130706433', '0x7f000001', '0x7f.1', '017700000001', '0177.0.0.1', '127.1', '127.0.0.1.'],
  ...['１２７.０.０.１', '①②⑦.⓪.⓪.①', '127。0。0。1', '%31%32%37.0.0.1', '[::1]', '[0:0:0:0:0:0:0:1]', '[::127.0.0.1]'],
  ...[
    '[::7f00:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
  ],
  ...['0.0.0.0', '0', '[::]', '10.0.0.1', '192.168.0.1', '172.16.0.1', '100.100.100.200', '169.254.169.254'],
  ...['[fd00:ec2::254]', '[fe80::1]', '168.63.129.16', '224.0.0.1', '255.255.255.255'],
];

describe('egress and addresses', () => {
  it.each(disguises)('52. %s is refused and nothing connects', async (host) => {
    const egress = createEgress({ allow: [] });
    const before = server.seen.length;
    for (const scheme of ['http', 'https']) {
      await expect(get(egress, `${scheme}://${host}:${server.port}/`)).rejects.toMatchObject({
        code: 'egress_refused',
      });
    }
    expect(server.seen.length).toBe(before);
    await egress.close();
  });

  it.each(['127.0.0.1', '10.1.2.3', '169.254.169.254', '0.0.0.0', '168.63.129.16'])(
    '52. a public name with a wildcard record for %s is refused',
    async (address) => {
      const egress = createEgress({ allow: [], resolve: dns.resolve });
      dns.answers = [address];
      const url = `https://${address.replaceAll('.', '-')}.example.test:${server.port}/`;
      await expect(get(egress, url)).rejects.toMatchObject({ code: 'egress_refused' });
      await egress.close();
    },
  );

  it('52. one private address among public ones is enough to refuse a name', async () => {
    const egress = createEgress({ allow: [], resolve: dns.resolve });
    dns.answers = ['8.8.8.8', '127.0.0.1'];
    await expect(get(egress, 'https://mixed.example.test/')).rejects.toMatchObject({ code: 'egress_refused' });
    await egress.close();
  });

  it('53. a name is asked once for a connection, and the address that was checked is the one that is used', async () => {
    const egress = createEgress({ allow: [`flip.example.test:${server.port}`], resolve: flipping(['127.0.0.1'], []) });
    dns.answers = ['127.0.0.1'];
    const asked = dns.questions.length;
    const url = `http://flip.example.test:${server.port}/`;
    expect((await get(egress, url)).status).toBe(200);
    expect(dns.questions.length - asked).toBe(1);
    await egress.close();
  });

  it('53. a name that was good is refused as soon as it points at a forbidden address', async () => {
    const resolve = flipping(['127.0.0.1'], ['169.254.169.254']);
    const url = `http://flip.example.test:${server.port}/`;
    for (const code of [null, 'egress_refused']) {
      // A new client each time: no connection of the first one is left to use.
      const egress = createEgress({ allow: [`flip.example.test:${server.port}`], resolve });
      const outcome = get(egress, url);
      await (code === null ? expect(outcome).resolves.toBeDefined() : expect(outcome).rejects.toMatchObject({ code }));
      await egress.close();
    }
  });

  it('53. a connected socket with a private address is closed unused, whatever was resolved', async () => {
    // undici never looks a literal address up, so only the check of the socket is left here.
    const dispatcher = await openConnections({ allow: [], proxy: null }, () => Promise.reject(new Error('not asked')));
    const before = server.seen.length;
    const request = dispatcher.request({ origin: server.origin, path: '/', method: 'GET', onSent: () => {} });
    await expect(request).rejects.toMatchObject({ code: 'egress_refused' });
    expect(server.seen.length).toBe(before);
    await dispatcher.close();
  });

  it('plain http is refused except to a private address of an allowed host', async () => {
    const allowed = createEgress({ allow: [server.host] });
    expect((await get(allowed, server.origin)).status).toBe(200);
    await expect(get(allowed, 'http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'egress_refused' });
    await allowed.close();
    const publicName = createEgress({ allow: ['public.example.test'], resolve: dns.resolve });
    dns.answers = ['8.8.8.8'];
    await expect(get(publicName, 'http://public.example.test/')).rejects.toMatchObject({ code: 'egress_refused' });
    await publicName.close();
  });

  it('a name that would be called by plain http is not even resolved', async () => {
    const egress = createEgress({ allow: [], resolve: dns.resolve });
    const asked = dns.questions.length;
    await expect(get(egress, 'http://plain.example.test/')).rejects.toMatchObject({ code: 'egress_refused' });
    expect(dns.questions.length).toBe(asked);
  });

  it('an allowed host reaches private addresses but never the one where clouds serve credentials', async () => {
    const egress = createEgress({ allow: ['169.254.169.254', 'meta.example.test'], resolve: dns.resolve });
    dns.answers = ['169.254.169.254'];
    for (const host of ['169.254.169.254', 'meta.example.test']) {
      await expect(get(egress, `http://${host}/`)).rejects.toMatchObject({ code: 'egress_refused' });
    }
    await egress.close();
  });

  it.each(['ftp://a.example/', 'file:///etc/passwd', 'javascript:1', 'data:,x', 'https://user:secret@a.example/'])(
    '%s is refused',
    async (url) => {
      const egress = createEgress({ allow: [] });
      const refusal = egress.request({ url: new URL(url), hosts: ['a.example'] });
      await expect(refusal).rejects.toMatchObject({ code: 'egress_refused' });
    },
  );

  it('a host off the list is refused, and a list never matches more than it says', async () => {
    const egress = createEgress({ allow: [server.host] });
    for (const hosts of [[], ['127.0.0.1:1'], ['27.0.0.1'], ['127.0.0.1.example'], ['*.0.0.1'], ['*'], ['']]) {
      const request = egress.request({ url: new URL(server.origin), hosts });
      await expect(request, hosts.join()).rejects.toMatchObject({ code: 'egress_refused' });
    }
    await egress.close();
  });

  it('an entry of the allow list that is no host is a clear error', () => {
    for (const entry of ['http://127.0.0.1', '127.0.0.1:99999', '*.example.com', 'a b', '']) {
      expect(() => createEgress({ allow: [entry] }), entry).toThrow(
        expect.objectContaining({ code: 'config_invalid' }),
      );
    }
  });

  it('proxies of the environment are ignored: they would resolve names where nobody checks them', async () => {
    const proxy = await startHttpServer((_, response) => void response.end('proxied'));
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : proxy.origin;
    try {
      const egress = createEgress({ allow: [server.host] });
      expect(Buffer.from((await get(egress, server.origin)).body).toString()).toBe('reached');
      await egress.close();
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
    expect(proxy.seen.length).toBe(0);
    await proxy.close();
  });

  it('an address that may not be called is refused with a hint that does not lead to the same refusal', async () => {
    const hintFor = async (address: string) => {
      const egress = createEgress({ allow: [], resolve: async () => [{ address, family: isIP(address) }] });
      const url = new URL('https://api.shop.example/');
      const error = await egress.request({ url, hosts: ['api.shop.example'] }).catch((one: unknown) => one);
      await egress.close();
      return toPublic(error).hint;
    };
    const setting = 'KEYWARD_EGRESS_ALLOW=api.shop.example:443';
    expect(await hintFor('10.0.0.1')).toContain(setting);
    // As VPNs and proxies answer DNS that know the real address.
    expect(await hintFor('198.18.0.23')).toMatch(
      /VPN or proxy.*198\.18\.0\.0\/15.*KEYWARD_EGRESS_ALLOW=api\.shop\.example:443/,
    );
    for (const never of ['169.254.169.254', '0.0.0.0', 'fe80::1'])
      expect(await hintFor(never)).not.toContain('KEYWARD');
    const allowed = [{ hostname: 'api.shop.example', port: 443 }];
    for (const address of ['10.0.0.1', '198.18.0.23', '169.254.169.254']) {
      const may = mayConnect(new URL('https://api.shop.example/'), address, allowed);
      expect(may, address).toBe(!address.startsWith('169'));
    }
  });

  it('no environment variable makes it trust a certificate that nobody vouches for', async () => {
    const impostor = await startTlsProxy(server.port);
    const before = server.seen.length;
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const egress = createEgress({ allow: [new URL(impostor.origin).host] });
    try {
      await expect(get(egress, impostor.origin)).rejects.toMatchObject({
        code: 'provider_unavailable',
        message: expect.stringContaining('certificate'),
        hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
      });
    } finally {
      vi.unstubAllEnvs();
      await egress.close();
      await impostor.close();
    }
    expect(server.seen.length).toBe(before);
  });
});

/** Asks the DNS server, whose answer is the first list for the first question and the second list after that. */
function flipping(first: readonly string[], then: readonly string[]): Parameters<typeof openConnections>[1] {
  let asked = 0;
  return (host) => {
    dns.answers = asked === 0 ? first : then;
    asked += 1;
    return dns.resolve(host);
  };
}
