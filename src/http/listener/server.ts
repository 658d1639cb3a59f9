/** Listening, with the limits that keep slow and greedy clients from holding it (Node's own defaults are minutes). */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener, type HttpBindings, RequestError } from '@hono/node-server';
import { limitBodyTime } from './body-timeout.ts';
import {
  type ConnectionRefusals,
  type OnConnectionRefusal,
  refuseAtConnection,
  refuseRequest,
} from './connection-refusals.ts';
import { type ConnectionLimits, limitConnections, usualLimits } from './connections.ts';

/** One request: `app.fetch` of Hono. */
type App = (request: Request, env: HttpBindings) => Response | Promise<Response>;

/** A request and its answer, as Node has them; what Hono knows as `c.env`. */
export type Exchange = HttpBindings;

/** Answers some requests without the app. */
export type Direct = {
  takes(incoming: IncomingMessage): boolean;
  /** `last` says whether this answer is the last one of its connection. Never rejects. */
  answer(exchange: Exchange, last: () => boolean): Promise<void>;
};

/** What a listener has besides its app. */
type Beside = {
  readonly direct?: readonly Direct[];
  /** Logs what never becomes a request. */
  readonly refusals?: ConnectionRefusals;
  readonly connections?: ConnectionLimits;
};

export type Listener = {
  readonly port: number;
  /**
   * Frees the port at once, and resolves when every connection is closed. Answers under way get `graceMs` milliseconds,
   * by default a second, and are cut then.
   */
  close(graceMs?: number): Promise<void>;
};

/** At a close with more time than this, connections that wait for their next request stay so long. */
const idleGraceMs = 2_000;

/** Browsers and proxies send fewer. Node would drop what is past its own limit and say nothing: a guard might miss it. */
const maxHeaders = 100;

const limits: ServerOptions = {
  headersTimeout: 5_000,
  // For headers and body together, whatever the path; see body-timeout.ts.
  requestTimeout: 0,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  // Cookies ignore ports: a browser sends along those of everything else it knows at this host.
  maxHeaderSize: 32 * 1024,
  // It is refused here, where that is noticed.
  requireHostHeader: false,
};

/** A free port of one address may be taken at the other one. */
const portTries = 10;

/**
 * Serves on every one of these addresses, at the same port; port 0 picks one. Listening never keeps the process alive.
 * Fails with Node's error, `EADDRINUSE` above all; none of the addresses is held then. An address that this computer
 * doesn't have is left out, unless it is the first.
 */
export async function listen(
  app: App,
  addresses: readonly string[],
  port: number,
  { direct = [], refusals, connections = usualLimits }: Beside = {},
): Promise<Listener> {
  const serve = () => createGuardedServer(app, direct, connections, (refused) => refusals?.note(refused));
  for (let tries = 1; ; tries += 1) {
    try {
      const listener = await listenOnAll(serve, addresses, port);
      return {
        port: listener.port,
        close: async (graceMs) => {
          await listener.close(graceMs);
          refusals?.flush();
        },
      };
    } catch (error) {
      if (port !== 0 || tries === portTries) throw error;
    }
  }
}

async function listenOnAll(serve: () => Server, addresses: readonly string[], port: number): Promise<Listener> {
  const servers: Server[] = [];
  const close = async (graceMs = 1_000) => void (await Promise.all(servers.map((one) => closeServer(one, graceMs))));
  let held = port;
  for (const [index, address] of addresses.entries()) {
    try {
      const server = await listenOn(serve(), address, held);
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

function createGuardedServer(
  app: App,
  direct: readonly Direct[],
  connections: ConnectionLimits,
  onRefused: OnConnectionRefusal,
): Server {
  // The port is free already: what comes next on this connection has to go elsewhere.
  const last = () => !server.listening;
  const reply = async (request: Request, env: unknown) => {
    const response = await app(request, env as HttpBindings);
    if (last()) response.headers.set('Connection', 'close');
    return response;
  };
  const server = createServer(limits, (incoming, outgoing) => {
    if (!admits(incoming, outgoing)) return refuseRequest(outgoing, 429, 'too_many_requests_of_address', onRefused);
    if (incoming.rawHeaders.length > 2 * maxHeaders) return refuseRequest(outgoing, 431, 'too_many_headers', onRefused);
    if (incoming.headers.host === undefined) return refuseRequest(outgoing, 400, 'no_host', onRefused);
    const exchange = { incoming, outgoing };
    limitBodyTime(exchange);
    const door = direct.find((one) => one.takes(incoming));
    if (door !== undefined) return void door.answer(exchange, last);
    const errorHandler = (error: unknown): Response | undefined => {
      if (!(error instanceof RequestError)) return new Response(null, { status: 500 });
      // The Host or the target of the request makes no URL.
      refuseRequest(outgoing, 400, 'invalid_url', onRefused);
      return undefined;
    };
    void getRequestListener(reply, { errorHandler })(incoming, outgoing);
  });
  refuseAtConnection(server, onRefused);
  const admits = limitConnections(server, connections, onRefused);
  server.unref();
  return server;
}

function listenOn(server: Server, address: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    // Stays on: later ones, such as too many open files, must not end the process.
    server.on('error', reject);
    server.listen({ port, host: address, exclusive: true }, () => resolve(server));
  });
}

/**
 * Node's own `close` cuts connections between two requests, where a busy client has the next one on its way. They stay
 * for a while when there is time, and their next answer says that it is the last.
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
