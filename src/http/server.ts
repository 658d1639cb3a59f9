/** Listening, with the limits that keep slow and greedy clients from holding it (Node's own defaults are minutes). */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { limitBodyTime } from './body-time.ts';
import { type Bindings, sendStreamed } from './streamed.ts';

/** One request: `app.fetch` of Hono. */
export type Answer = (request: Request, env: Bindings) => Response | Promise<Response>;

export type Listener = {
  readonly port: number;
  /** Resolves when the port is free again; what is under way gets a moment to end. */
  close(): Promise<void>;
};

/** Answers under way at a close get this long. */
const closeGraceMs = 1_000;

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
  const close = async () => void (await Promise.all(servers.map(closeServer)));
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

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), closeGraceMs).unref();
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** IPv6 is switched off on many machines. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
