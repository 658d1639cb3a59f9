/** What loopback.ts loads with the first attempt: the two listeners, and when they come and go. */
import { Hono } from 'hono';
import type { Broker } from '../../broker/broker.ts';
import { stateOf } from '../../broker/connect/state.ts';
import { hostInUrl, loopbackNames } from '../../hosts.ts';
import { listen } from '../listener/server.ts';
import { createApp } from '../middleware/app.ts';
import { freshKeys } from '../middleware/fresh-keys.ts';
import { approvalRoutes } from '../pages/approvals/routes.ts';
import { callbackRoutes } from '../pages/connect/callback.ts';
import { connectRoutes } from '../pages/connect/routes.ts';
import { openBrowser } from './browser.ts';
import { createCallbackPort } from './callback-port.ts';
import { challengeRoute, hostAndPort, type Proof } from './challenge.ts';
import { isOtherUsers } from './other-user.ts';
import { createSerialQueue } from './serial-queue.ts';

export type LoopbackOptions = {
  /** `127.0.0.1`, `::1` or `localhost`. */
  readonly host: string;
  /** The fixed port. */
  readonly port: number;
  /** What OAuth clients register instead of host and port. */
  readonly publicUrl: string | null;
  /** Asked at use: the broker is built with these pages. */
  readonly broker: () => Broker;
  /** An outbound client that reaches this one `host:port` on loopback. */
  readonly egressTo: (hostAndPort: string) => Broker['egress'];
};

export type LoopbackServer = {
  /** Serves the pages of this attempt, and the callback where it needs one; answers the origin of the pages. */
  open(attemptId: string, callback: boolean): Promise<string>;
  /** Serves the approval pages, without the callback, until this time at least; answers their origin. */
  openApprovals(until: number): Promise<string>;
  /** Opens a page in the owner's browser; false when there is none. */
  show(url: string): Promise<boolean>;
  close(): Promise<void>;
};

/** How often ended attempts are looked for. */
const sweepMs = 1_000;
/** After the last attempt and the last use everything stays this long, so that a result can be read and reloaded. */
const lingerMs = 30_000;
/** An attempt is stored within this time after its pages were opened, or it never is. */
const storedWithinMs = 60_000;

export function createLoopbackServer(options: LoopbackOptions): LoopbackServer {
  // The broker exists by now: it has asked for a page.
  const broker = options.broker();
  const names = namesOf(options);
  const egress = options.egressTo(hostAndPort(names.addresses[0], options.port));
  /** Attempts of this process, with the time their pages were opened. */
  const attempts = new Map<string, number>();
  const inTurn = createSerialQueue();
  let serving: Serving | null = null;
  let usedAt = 0;
  let approvalsUntil = 0;
  const use = (): void => {
    usedAt = Date.now();
  };

  const start = async (): Promise<Serving> => {
    const { origin, close } = await servePages(broker, names, use);
    const callback = createCallbackPort({
      app: callbackApp(broker, options.port, names, origin, use),
      addresses: names.addresses,
      port: options.port,
      egress,
      proof: proofOf(broker),
      log: broker.log,
    });
    const sweep = setInterval(() => {
      inTurn(stopIfIdle).catch(() => broker.log.error('pages_sweep_failed'));
    }, sweepMs).unref();
    broker.log.info('pages_open', { origin });
    return {
      origin,
      callback,
      stop: async () => {
        clearInterval(sweep);
        await Promise.all([close(), callback.release()]);
        broker.log.info('pages_closed', { origin });
      },
    };
  };

  const stopIfIdle = async (): Promise<void> => {
    for (const [id, openedAt] of attempts) {
      if (!(await hasEnded(id, openedAt))) continue;
      attempts.delete(id);
      use();
    }
    const now = Date.now();
    if (attempts.size === 0 && now >= approvalsUntil && now - usedAt >= lingerMs) await stop();
  };

  const hasEnded = async (id: string, openedAt: number): Promise<boolean> => {
    try {
      const attempt = await broker.vault.findAttempt(id);
      return attempt === undefined ? Date.now() - openedAt >= storedWithinMs : stateOf(attempt) !== 'pending';
    } catch {
      // A vault that can't be read at the moment says nothing about the attempt.
      return false;
    }
  };

  const stop = async (): Promise<void> => {
    const stopping = serving;
    serving = null;
    await stopping?.stop();
  };

  return {
    open: (attemptId, callback) =>
      inTurn(async () => {
        use();
        serving ??= await start();
        // What a person types on a page does not depend on who has the port.
        if (callback) await serving.callback.hold();
        attempts.set(attemptId, Date.now());
        return serving.origin;
      }),
    openApprovals: (until) =>
      inTurn(async () => {
        use();
        serving ??= await start();
        approvalsUntil = Math.max(approvalsUntil, until);
        return serving.origin;
      }),
    show: openBrowser,
    close: () =>
      inTurn(async () => {
        await stop();
        await egress.close();
      }),
  };
}

type Serving = {
  readonly origin: string;
  readonly callback: ReturnType<typeof createCallbackPort>;
  stop(): Promise<void>;
};

const othersPage = 'This page belongs to another user of this computer.\n';

/** Forms and results, on a port that can't be known before, for the programs of this user. */
async function servePages(
  broker: Broker,
  { hostname, addresses }: Names,
  use: () => void,
): Promise<{ origin: string; close(): Promise<void> }> {
  // The origin is part of every check, and the port is known only once it is held: the app comes second.
  let app: Hono | undefined;
  const listener = await listen(
    async (request, env) => {
      if (await isOtherUsers(env.incoming.socket)) return new Response(othersPage, { status: 403 });
      use();
      return app === undefined ? new Response(null, { status: 503 }) : app.fetch(request, env);
    },
    addresses,
    0,
  );
  const own = hostsAt(hostname, listener.port);
  const around = [freshKeys(broker.vault)];
  app = createApp({ hosts: own, origins: own.map((host) => `http://${host}`), around, log: broker.log });
  app.route(
    '/',
    connectRoutes({
      broker,
      secure: false,
      place: 'encrypted in the vault on this computer',
      visitor: async () => 'local',
    }),
  );
  app.route('/', approvalRoutes({ broker, secure: false, visitor: async () => 'local' }));
  return { origin: `http://${hostname}:${listener.port}`, close: listener.close };
}

/** Callbacks and the challenge, for every process that shares the port. */
function callbackApp(broker: Broker, port: number, names: Names, pages: string, use: () => void): Hono {
  const own = hostsAt(names.hostname, port);
  const around = [freshKeys(broker.vault)];
  const app = createApp({ hosts: [...own, ...names.publicHosts], origins: [], around, log: broker.log });
  app.use(async (c, next) => {
    if (own.includes(c.req.header('host') ?? '')) return next();
    // Read by an authorization server, not by the person's browser.
    if (c.req.method === 'GET' && c.req.path.startsWith('/oauth/client/')) return next();
    // Through the tunnel: the browser has its cookie on loopback, and nothing else is served out there.
    if (c.req.method !== 'GET' || !c.req.path.startsWith('/oauth/callback')) return c.notFound();
    const { pathname, search } = new URL(c.req.url);
    return c.redirect(`http://${names.hostname}:${port}${pathname}${search}`, 303);
  });
  // Being asked by another process is no use: it would keep this one serving for that one's sake.
  app.route('/', challengeRoute(proofOf(broker)));
  app.use(async (_c, next) => {
    use();
    await next();
  });
  app.route('/', callbackRoutes({ broker, secure: false, pages, visitor: async () => 'local' }));
  return app;
}

function proofOf({ vault }: Broker): Proof {
  return async (purpose, message) => {
    await vault.refreshKeys();
    return vault.proof(purpose, message);
  };
}

/** Every name of loopback: services register one or the other, for this process or for one that shares the port. */
function hostsAt(hostname: string, port: number): string[] {
  return [...loopbackNames, hostname].map((name) => `${name}:${port}`);
}

type Names = {
  /** As it stands in URLs. */
  readonly hostname: string;
  readonly addresses: readonly [string, ...string[]];
  /** Host header of requests that come in by `KEYWARD_PUBLIC_URL`. */
  readonly publicHosts: readonly string[];
};

function namesOf({ host, publicUrl }: Pick<LoopbackOptions, 'host' | 'publicUrl'>): Names {
  const given = publicUrl === null ? null : new URL(publicUrl);
  const hostname = given?.protocol === 'http:' ? given.hostname : hostInUrl(host);
  return { hostname, addresses: addressesOf(hostname), publicHosts: given === null ? [] : [given.host] };
}

/** A browser may try either address of `localhost`: nobody else may sit on the other one. */
function addressesOf(hostname: string): Names['addresses'] {
  if (hostname === 'localhost' || hostname === '127.0.0.1') return ['127.0.0.1', '::1'];
  return hostname === '[::1]' ? ['::1', '127.0.0.1'] : [hostname];
}

/**
 * Takes the port of callbacks for a moment, as connecting a service would. Resolves when it is free, or held by another
 * Keyward of this vault.
 *
 * @throws KeywardError `port_in_use` when a stranger has it, `config_invalid` when Keyward may not listen there
 */
export async function tryCallbackPort(
  options: Pick<LoopbackOptions, 'host' | 'port' | 'publicUrl' | 'egressTo'>,
  prove: (purpose: string, message: string) => string | Promise<string>,
): Promise<void> {
  const { addresses } = namesOf(options);
  const { port } = options;
  const egress = options.egressTo(hostAndPort(addresses[0], port));
  const proof: Proof = async (purpose, message) => prove(purpose, message);
  const log = { info() {}, warn() {}, error() {} };
  // Whoever wants the port meanwhile is answered as by any other Keyward of this vault, and takes over.
  const held = createCallbackPort({
    app: new Hono().route('/', challengeRoute(proof)),
    addresses,
    port,
    egress,
    proof,
    log,
  });
  try {
    await held.hold();
  } finally {
    await held.release();
    await egress.close();
  }
}
