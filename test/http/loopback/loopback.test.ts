/** When and where the pages of a stdio session are served. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, connect as dial, type Server as TcpServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { cancelAttempt } from '../../../src/broker/connect/attempts.ts';
import type { KeywardError } from '../../../src/errors.ts';
import { localPrincipal } from '../../../src/principal.ts';
import { clickThrough } from '../../support/clients/click-through.ts';
import { freePort } from '../../support/clients/mcp-clients.ts';
import { statusForOthers } from '../../support/clients/other-user.ts';
import { raw } from '../../support/clients/raw-http.ts';
import { createBrowser, linkOut, type Session, startSession } from '../../support/clients/session.ts';
import { startKeywardHttp } from '../../support/servers/keyward-http.ts';
import { connectorId, startWorld, type World } from '../../support/world.ts';

let world: World;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) await close();
});
afterAll(() => world.close());

async function start(env: Record<string, string> = {}): Promise<Session> {
  const session = await startSession({ ...world.env, ...env });
  closing.push(session.close);
  return session;
}

const oauth = { connectorId, authenticationType: 'oauth2' };
const apiKey = { connectorId, authenticationType: 'api_key' };

/** Whether something accepts connections there. */
const accepts = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial({ host, port, timeout: 2_000 });
    const end = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false));
  });

async function becomes(wanted: boolean, look: () => Promise<boolean>): Promise<void> {
  while ((await look()) !== wanted) await delay(20);
}

/** Lets the clock and the sweeps run on; sockets and files stay real. */
function takeTime(): void {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
}

describe('pages on loopback', () => {
  it('are for programs of this user, whoever else knows the address, where Linux tells them apart', async () => {
    const session = await start();
    const { url } = await session.connect(apiKey);
    expect(await statusForOthers(url)).toBe(403);
    expect((await createBrowser().open(url)).status).toBe(200);
  });

  it('26. are served from the first attempt on until some time after the last one ended', async () => {
    takeTime();
    const session = await start();
    expect(await accepts('127.0.0.1', session.port)).toBe(false);
    const first = await session.connect(oauth);
    const second = await session.connect(apiKey);
    const pages = Number(new URL(first.url).port);
    expect(new URL(second.url).port).toBe(`${pages}`);
    const served = async () => [await accepts('127.0.0.1', session.port), await accepts('127.0.0.1', pages)];
    expect(await served()).toEqual([true, true]);

    await cancelAttempt(session.broker, localPrincipal, first.attemptId);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await served()).toEqual([true, true]);

    await cancelAttempt(session.broker, localPrincipal, second.attemptId);
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await createBrowser().open(second.url)).heading).toBe('You chose not to connect Acme');
    await vi.advanceTimersByTimeAsync(40_000);
    await becomes(false, () => accepts('127.0.0.1', pages));
    await becomes(false, () => accepts('127.0.0.1', session.port));

    const third = await session.connect(oauth);
    expect((await createBrowser().open(third.url)).status).toBe(200);
  });

  it('26. are closed after an attempt that nobody answered has expired', async () => {
    takeTime();
    const session = await start();
    const { url } = await session.connect(oauth);
    await vi.advanceTimersByTimeAsync(599_000);
    expect((await createBrowser().open(url)).heading).toBe('Connect Acme');
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await createBrowser().open(url)).heading).toBe('This link has expired');
    await vi.advanceTimersByTimeAsync(40_000);
    await becomes(false, () => accepts('127.0.0.1', session.port));
  });

  it('26. are never on an address that others can reach', async () => {
    const session = await start();
    const ports = [session.port, Number(new URL((await session.connect(oauth)).url).port)];
    const outer = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    // All of 127/8 is this computer on Linux: a listener on every address would answer there.
    const others = ['127.0.0.2', ...outer.filter(({ internal }) => !internal).map(({ address }) => address)];
    for (const host of others) {
      for (const port of ports) expect(`${host} ${await accepts(host, port)}`).toBe(`${host} false`);
    }
  });

  it('15. an answer that comes after the attempt has expired is refused, and the token endpoint is not called', async () => {
    takeTime();
    const session = await start();
    const { url } = await session.connect(oauth);
    const browser = createBrowser();
    const callback = await clickThrough(linkOut(await browser.open(url)));
    const before = world.server.calls.authorization_code ?? 0;
    await vi.advanceTimersByTimeAsync(601_000);
    expect((await browser.open(callback)).status).toBe(410);
    expect(world.server.calls.authorization_code ?? 0).toBe(before);
  });

  it('keep forms off the fixed port and callbacks off the other one', async () => {
    const session = await start();
    const { url } = await session.connect(oauth);
    const browser = createBrowser();
    const callback = await clickThrough(linkOut(await browser.open(url)));
    const page = new URL(url);
    expect((await browser.open(`http://127.0.0.1:${session.port}${page.pathname}`)).status).toBe(404);
    expect((await browser.open(`${page.origin}${callback.pathname}${callback.search}`)).status).toBe(404);
    expect((await browser.open(callback)).heading).toBe('Acme is connected');
  });

  it('work under the name localhost, for services that register no address', async () => {
    const port = await freePort();
    const session = await start({ KEYWARD_PORT: `${port}`, KEYWARD_PUBLIC_URL: `http://localhost:${port}` });
    const { url } = await session.connect(oauth);
    expect(new URL(url).hostname).toBe('localhost');
    const browser = createBrowser();
    const callback = await clickThrough(linkOut(await browser.open(url)));
    expect(callback.origin).toBe(`http://localhost:${port}`);
    expect((await browser.open(callback)).heading).toBe('Acme is connected');
    expect(await accepts('127.0.0.1', port)).toBe(true);
  });

  it('stay on loopback behind a tunnel, which only passes callbacks on', async () => {
    const session = await start({ KEYWARD_PUBLIC_URL: 'https://tunnel.example' });
    const { url, attemptId } = await session.connect(oauth);
    expect(new URL(url).hostname).toBe('127.0.0.1');
    const browser = createBrowser();
    const link = new URL(linkOut(await browser.open(url)));
    expect(link.searchParams.get('redirect_uri')).toBe('https://tunnel.example/oauth/callback');

    const origin = `http://127.0.0.1:${session.port}`;
    const through = { host: 'tunnel.example' };
    const query = new URLSearchParams({
      code: 'invented',
      state: link.searchParams.get('state') ?? '',
      iss: world.server.issuer,
    });
    const passed = await raw(origin, `/oauth/callback?${query}`, { headers: through });
    expect([passed.status, passed.headers.location]).toEqual([303, `${origin}/oauth/callback?${query}`]);
    // The browser that opened the page gets as far as the service, which never issued this code.
    expect((await browser.open(String(passed.headers.location))).heading).toBe('Acme is not connected');
    expect(await session.broker.vault.findAttempt(attemptId)).toMatchObject({ status: 'failed' });

    // What an authorization server reads is the one thing that is answered out there.
    const name = `mcp-server.${'a'.repeat(16)}`;
    const document = await raw(origin, `/oauth/client/${name}`, { headers: through });
    expect(document.status).toBe(200);
    expect(JSON.parse(document.body)).toMatchObject({ client_id: `https://tunnel.example/oauth/client/${name}` });
    expect((await raw(origin, '/oauth/client/x', { headers: through })).status).toBe(404);

    for (const path of ['/', new URL(url).pathname, `/.well-known/keyward-challenge?nonce=${'A'.repeat(43)}`]) {
      expect((await raw(origin, path, { headers: through })).status).toBe(404);
    }
    expect((await raw(origin, '/oauth/callback', { method: 'POST', headers: through })).status).toBe(405);
    expect((await raw(origin, '/oauth/callback', { headers: { host: 'evil.example' } })).status).toBe(403);
  });
});

describe('the callback port in the hands of a stranger', () => {
  async function occupy(server: Server | TcpServer): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    closing.push(async () => void server.close());
    return typeof address === 'object' ? `${address?.port}` : '';
  }

  const strangers: Record<string, () => Server | TcpServer> = {
    'a web server': () => createServer((_request, response) => response.end('hello')),
    'one that repeats what it is asked': () => createServer((request, response) => response.end(request.url)),
    'one that answers a random proof': () =>
      createServer((_request, response) => response.end(randomBytes(32).toString('hex'))),
    'one that sends on to elsewhere': () =>
      createServer((_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()),
    'one that is no web server': () => createTcpServer((socket) => socket.end('SSH-2.0-x\r\n').on('error', () => {})),
    'one that never answers': () => createTcpServer((socket) => void closing.push(async () => socket.destroy())),
  };

  it.each(Object.entries(strangers))(
    'is a clear error that names the port and the next step: %s',
    async (_name, make) => {
      const port = await occupy(make());
      const session = await start({ KEYWARD_PORT: port });
      const problem = await session.connect(oauth).catch((error: unknown) => error);
      expect(problem).toMatchObject({ code: 'port_in_use', message: expect.stringContaining(port) });
      expect(problem).toMatchObject({ hint: expect.stringContaining('KEYWARD_PORT') });
      expect(problem).toMatchObject({ hint: expect.stringContaining('redirect URI') });
    },
  );

  it('does not matter to what a person only types on a page', async () => {
    const session = await start({ KEYWARD_PORT: await occupy(createServer((_request, response) => response.end())) });
    const { url } = await session.connect(apiKey);
    expect((await createBrowser().open(url)).heading).toBe('Connect Acme');
  });

  it('is an error too when it is a Keyward of another vault, and none any more once that has gone', async () => {
    const other = await start();
    await other.connect(oauth);
    const session = await start({
      KEYWARD_PORT: `${other.port}`,
      KEYWARD_KEY: randomBytes(32).toString('base64'),
    });
    await expect(session.connect(oauth)).rejects.toMatchObject({ code: 'port_in_use' });
    await other.close();
    expect((await createBrowser().open((await session.connect(oauth)).url)).heading).toBe('Connect Acme');
  });

  it('is an error beside keyward http of the same vault, which names a port and the command that prints the rest', async () => {
    let port = await freePort();
    while (await accepts('127.0.0.1', port + 1)) port = await freePort();
    const serving = await startKeywardHttp({ KEYWARD_PORT: `${port}` });
    closing.push(serving.stop);
    const { KEYWARD_HOME = '', KEYWARD_KEY = '' } = serving.env;
    const same = { KEYWARD_HOME, KEYWARD_KEY };
    const session = await start({ ...same, KEYWARD_PORT: `${port}` });
    const problem = await session.connect(oauth).catch((error: unknown) => error);
    expect(problem).toMatchObject({
      code: 'port_in_use',
      message: `Port ${port} is taken by another program, or by keyward http.`,
    });
    const [, command = ''] =
      /keyward (status --port \d+) prints all of that/.exec((problem as KeywardError).hint ?? '') ?? [];
    const printed = await serving.cli(...command.split(' '));
    const other = `${port + 1}`;
    expect(printed).toContain(`"--port",\n          "${other}"`);
    expect(printed).toContain(`http://127.0.0.1:${other}/oauth/callback`);
    expect((await createBrowser().open((await session.connect(apiKey)).url)).heading).toBe('Connect Acme');
    const moved = await start({ ...same, KEYWARD_PORT: other });
    const { url } = await moved.connect(oauth);
    const browser = createBrowser();
    const callback = await clickThrough(linkOut(await browser.open(url)));
    expect([callback.port, (await browser.open(callback)).heading]).toEqual([other, 'Acme is connected']);
  });

  it('keeps keyward http from starting beside a Keyward that waits for a service there, and says so', async () => {
    const KEYWARD_KEY = randomBytes(32).toString('base64');
    const session = await start({ KEYWARD_KEY });
    await session.connect(oauth);
    const started = startKeywardHttp({ KEYWARD_HOME: session.home, KEYWARD_KEY, KEYWARD_PORT: `${session.port}` });
    await expect(started).rejects.toThrow(
      new RegExp(
        `Port ${session.port} is taken by another program\\..*--port ${session.port + 1}.*MCP client started`,
        's',
      ),
    );
  });

  it('is never fooled by a stranger that asks a Keyward elsewhere', async () => {
    const port = await freePort();
    const elsewhere = await start();
    await elsewhere.connect(oauth);
    const relay = createServer(async (request, response) => {
      const answer = await raw(`http://127.0.0.1:${elsewhere.port}`, request.url ?? '/');
      response.writeHead(answer.status).end(answer.body);
    });
    await new Promise<void>((resolve) => relay.listen(port, '127.0.0.1', resolve));
    closing.push(async () => void relay.close());
    const session = await start({ KEYWARD_PORT: `${port}`, KEYWARD_HOME: elsewhere.home });
    await expect(session.connect(oauth)).rejects.toMatchObject({ code: 'port_in_use' });
  });
});
