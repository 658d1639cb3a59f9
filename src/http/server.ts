/** Listening, with the limits that keep slow and greedy clients from holding it (Node's own defaults are minutes). */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { limitBodyTime } from './body-time.ts';
import { type Bindings, sendStreamed } from './streamed.ts';

/** One request: `app.fetch` of Hono. */
export type Answer = (request: Request, env: Bindings) => Response | Promise<Response>;

export type Listener = {
  readonly port: number;
  /**
   * Frees the port at once, and resolves when every connection is closed. Answers under way get so many milliseconds,
   * by default a second, and are cut then.
   */
  close(graceMs?: number): Promise<void>;
};

/** At a close with more time than this, connections that wait for their next request stay so long. */
const idleGraceMs = 2_000;

/** Browsers and proxies send fewer. Node would drop what is past its own limit and say nothing: a guard might miss it. */
const maxHeaders = 100;

/** Each holds a file and some memory; a thousand streams of models' answers are no attack. */
const maxConnections = 4_000;

/** A free port of one address may be taken at the other one. */
const portTries = 10;

/**
 * Serves on every one of these addresses, at the same port; port 0 picks one. Listening never keeps the process alive.
 * Fails with Node's error, `EADDRINUSE` above all; none of the addresses is held then. An address that this computer
 * doesn't have is left out, unless it is the first.
 */
export async function listen(answer: Answer, addresses: readonly string[], port: number): Promise<Listener> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await listenOnAll(answer, addresses, port);
    } catch (error) {
      if (port !== 0 || tries === portTries) throw error;
    }
  }
}

async function listenOnAll(answer: Answer, addresses: readonly string[], port: number): Promise<Listener> {
  const servers: Server[] = [];
  const close = async (graceMs = 1_000) => void (await Promise.all(servers.map((one) => closeServer(one, graceMs))));
  let held = port;
  for (const [index, address] of addresses.entries()) {
    try {
      const server = await listenOn(answer, address, held);
      servers.push(server);
      held = portOf(server);
    } catch (error) {
      if (index > 0 && isMissing(error)) continue;
      await close();
      throw error;
    }
  }
  return { port: held, close };
}

function listenOn(answer: Answer, address: string, port: number): Promise<Server> {
  const server = createAdaptorServer({
    fetch: async (request, env) => {
      const bindings = env as Bindings;
      limitBodyTime(bindings);
      if (bindings.incoming.rawHeaders.length > 2 * maxHeaders) {
        return new Response('Too many headers.\n', { status: 431 });
      }
      const response = await answer(request, bindings);
      // The port is free already: what comes next on this connection has to go elsewhere.
      if (!server.listening) response.headers.set('Connection', 'close');
      if (bindings.streamed === undefined) return response;
      await sendStreamed(bindings.outgoing, response, bindings.streamed);
      return RESPONSE_ALREADY_SENT;
    },
    serverOptions: {
      headersTimeout: 5_000,
      // For headers and body together, whatever the path; see body-time.ts.
      requestTimeout: 0,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      // Cookies ignore ports: a browser sends along those of everything else it knows at this host.
      maxHeaderSize: 32 * 1024,
    },
  }) as Server;
  server.maxConnections = maxConnections;
  server.unref();
  return new Promise((resolve, reject) => {
    // Stays on: later ones, such as too many open files, must not end the process.
    server.on('error', reject);
    server.listen({ port, host: address, exclusive: true }, () => resolve(server));
  });
}

/**
 * Node's own `close` cuts connections between two requests, where a busy client has the next one on its way. They stay
 * for a while when there is time, and get told with their next answer.
 */
async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  const force = setTimeout(() => server.closeAllConnections(), graceMs).unref();
  NetServer.prototype.close.call(server);
  if (graceMs > idleGraceMs) await Promise.race([closed, sleep(idleGraceMs, undefined, { ref: false })]);
  server.close();
  await closed;
  clearTimeout(force);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** IPv6 is switched off on many machines. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
