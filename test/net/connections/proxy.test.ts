/** The way out through a proxy: which hosts take it, what the proxy is told, and whose word counts inside. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readConfig, secretVariables } from '../../../src/config/config.ts';
import { createEgress } from '../../../src/net/open-egress.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const service = 'api.shop.example';
const asked: { readonly authority: string; readonly login: string | undefined }[] = [];
/** What the proxy answers instead of opening the way. */
let refusal: string | null = null;
let folder: string;
let proxy: Server;
let api: Server;
let origin: string;

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const listening = async (server: Server) => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return server;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyward-proxy-'));
  const { private: key, cert } = await generate([{ name: 'commonName', value: service }], {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: service }] },
    ],
  });
  await writeFile(join(folder, 'ca.pem'), cert);
  api = await listening(createTlsServer({ key, cert }, (_request, response) => void response.end('through')));
  const server = createHttpServer();
  server.on('connect', (request: IncomingMessage, socket) => {
    asked.push({ authority: request.url ?? '', login: request.headers['proxy-authorization'] });
    socket.on('error', () => undefined);
    if (refusal !== null) return void socket.end(refusal);
    const way = connect(portOf(api), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    way.on('error', () => socket.destroy());
    return void socket.pipe(way).pipe(socket);
  });
  proxy = await listening(server);
  origin = `http://127.0.0.1:${portOf(proxy)}`;
});
afterAll(async () => {
  proxy.close();
  api.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked.length = 0;
  refusal = null;
});

/** What a request is told, and what was resolved for it here. */
async function reach(url: string, { except = [] as string[], allow = [] as string[], at = origin } = {}) {
  const resolved: string[] = [];
  const resolve = async (host: string) => {
    resolved.push(host);
    throw Object.assign(new Error('No such host.'), { code: 'ENOTFOUND' });
  };
  const egress = createEgress({ allow, proxy: { url: at, except }, resolve });
  const told = await egress.request({ url: new URL(url), hosts: [new URL(url).host] }).then(
    ({ status }) => ({ code: `${status}`, message: '', hint: '' }),
    ({ code, message, hint = '' }: { code: string; message: string; hint?: string }) => ({ code, message, hint }),
  );
  await egress.close();
  return { ...told, resolved };
}

describe('a service', () => {
  it('is reached through the proxy, with TLS that ends at the service, and its name is resolved by the proxy', async () => {
    const script = `
      const { createEgress } = await import(${JSON.stringify(pathToFileURL(join(root, 'src/net/open-egress.ts')).href)});
      const resolve = () => { throw new Error('resolved here'); };
      const egress = createEgress({ allow: [], proxy: { url: process.argv[1], except: [] }, resolve });
      const { status, body } = await egress.request({ url: new URL('https://${service}/x'), hosts: ['${service}'] });
      console.log(status, Buffer.from(body).toString());
      await egress.close();`;
    const loader = pathToFileURL(join(root, 'scripts', 'typescript.mjs')).href;
    const args = ['--import', loader, '--input-type=module', '-e', script, origin.replace('//', '//ann:p%40ss@')];
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    expect(stdout.trim()).toBe('200 through');
    const login = `Basic ${Buffer.from('ann:p@ss').toString('base64')}`;
    expect(asked).toEqual([{ authority: `${service}:443`, login }]);
  });

  it('that does not prove who it is gets nothing, whatever the proxy says', async () => {
    const { code, message } = await reach(`https://${service}/`);
    expect([code, message]).toEqual(['provider_unavailable', expect.stringContaining('certificate')]);
    expect(asked).toHaveLength(1);
  });

  it.each(['HTTP/1.1 403 No\r\n\r\n', 'HTTP/1.1 502 No\r\n\r\n', 'HTTP/1.1 407 No\r\n\r\n'])(
    'that the proxy refuses (%j) is told as that, without the proxy’s password',
    async (answer) => {
      refusal = answer;
      const told = await reach(`https://${service}/`, { at: origin.replace('//', '//ann:canary@') });
      expect(told.message).toBe(
        `The proxy ${new URL(origin).host} (HTTPS_PROXY) did not let Keyward through to ${service} (status ${answer.slice(9, 12)}).`,
      );
      expect(JSON.stringify(told)).not.toContain('canary');
    },
  );

  it('is told where the proxy does not answer', async () => {
    const told = await reach(`https://${service}/`, { at: 'http://127.0.0.1:9' });
    expect(told).toMatchObject({
      code: 'provider_unavailable',
      message: 'The proxy 127.0.0.1:9 (HTTPS_PROXY) did not answer.',
    });
  });

  it('is still one of the hosts that its connector names, and no literal address of a network', async () => {
    const egress = createEgress({ allow: [], proxy: { url: origin, except: [] } });
    const refused = { code: 'egress_refused' };
    await expect(egress.request({ url: new URL('https://evil.example/'), hosts: [service] })).rejects.toMatchObject(
      refused,
    );
    for (const host of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '[::1]', '[fd00::1]']) {
      await expect(egress.request({ url: new URL(`https://${host}/`), hosts: [host] })).rejects.toMatchObject(refused);
    }
    await egress.close();
    expect(asked).toEqual([]);
  });

  it.each(['intranet', 'printer.local', 'vault.internal', 'nas.home.arpa', 'localhost', 'metadata.internal.'])(
    'by the name %s, which stands for something within a network, is not asked of the proxy',
    async (host) => {
      const { code, hint } = await reach(`https://${host}/`);
      expect([code, hint]).toEqual(['egress_refused', expect.stringContaining('KEYWARD_EGRESS_ALLOW=')]);
      expect(asked).toEqual([]);
    },
  );

  it.each(['*', service, '.shop.example', '*.shop.example', 'SHOP.example', `${service}:443`])(
    'that NO_PROXY names (%s) is reached without it, and checked as ever',
    async (entry) => {
      expect((await reach(`https://${service}/`, { except: [entry] })).resolved).toEqual([service]);
      expect(asked).toEqual([]);
    },
  );

  it.each(['shop.exampl', 'hop.example', `${service}:8443`, 'api.shop.example.com'])(
    'that NO_PROXY does not name (%s) goes through it',
    async (entry) => {
      expect((await reach(`https://${service}/`, { except: [entry] })).resolved).toEqual([]);
      expect(asked).toHaveLength(1);
    },
  );

  it('that whoever runs Keyward allowed on a private address is reached without it', async () => {
    expect((await reach(`https://${service}/`, { allow: [service] })).resolved).toEqual([service]);
    expect(asked).toEqual([]);
  });
});

describe('the variables of a proxy', () => {
  it.each(['http://ann:canary@proxy:1', 'ann:canary@proxy:1'])('are secret where they hold a password: %s', (text) => {
    expect(secretVariables({ HTTPS_PROXY: text })).toEqual(['HTTPS_PROXY']);
    expect(secretVariables({ HTTPS_PROXY: 'http://proxy:1' })).toEqual([]);
  });

  const proxyOf = (env: NodeJS.ProcessEnv) => readConfig(new Map(), env).proxy;

  it('are those of other programs, the small letters first', () => {
    expect(proxyOf({})).toBeNull();
    expect(proxyOf({ HTTPS_PROXY: '', https_proxy: '' })).toBeNull();
    expect(
      proxyOf({ HTTPS_PROXY: 'http://b:1', https_proxy: 'http://a:1', NO_PROXY: 'x.example, .y.example' }),
    ).toEqual({
      url: 'http://a:1',
      except: ['x.example', '.y.example'],
    });
    expect(proxyOf({ https_proxy: 'proxy.example:3128' })?.url).toBe('http://proxy.example:3128');
  });

  it.each(['socks5://proxy:1080', 'http://', 'ftp://proxy', 'http://ann:%zz@proxy:1', 'http://ann:canary@[proxy'])(
    'are refused when Keyward can not use them: %s',
    (text) => {
      const read = () => proxyOf({ HTTPS_PROXY: text });
      expect(read).toThrow(/HTTPS_PROXY must be the URL of an http or https proxy/);
      expect(read).not.toThrow(/canary/);
    },
  );
});
