/** What loopback.ts loads with the first attempt: the two listeners, and when they come and go. */
import { Hono } from 'hono';
import type { Broker } from '../../broker/broker.ts';
import { approvalRoutes } from '../pages/approvals/routes.ts';
import { connectRoutes } from '../pages/connect/routes.ts';
import { openBrowser } from './browser.ts';
import { callbackApp, proofOf } from './callback-app.ts';
import { createCallbackPort } from './callback-port.ts';
import { challengeRoute, hostAndPort, type Proof } from './challenge.ts';
import { type NamedBy, namesOf } from './names.ts';
import { serveOnOwnPort } from './own-port.ts';
import { createSerialQueue } from './serial-queue.ts';
import { createUnderWay } from './under-way.ts';

export type LoopbackOptions = NamedBy & {
  /** The fixed port. */
  readonly port: number;
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
/** Where secrets of the person at this computer are kept, in words that follow “kept”. */
export const localPlace = 'encrypted in the vault on this computer';

export function createLoopbackServer(options: LoopbackOptions): LoopbackServer {
  // The broker exists by now: it has asked for a page.
  const broker = options.broker();
  const names = namesOf(options);
  const egress = options.egressTo(hostAndPort(names.addresses[0], options.port));
  const attempts = createUnderWay(broker);
  const inTurn = createSerialQueue();
  let serving: Serving | null = null;
  let usedAt = 0;
  let approvalsUntil = 0;
  const use = (): void => {
    usedAt = Date.now();
  };

  const start = async (): Promise<Serving> => {
    const mount = (app: Hono): void => {
      const around = { broker, secure: false, visitor: async () => 'local' as const };
      app.route('/', connectRoutes({ ...around, place: localPlace }));
      app.route('/', approvalRoutes({ ...around, desk: null }));
    };
    const { origin, close } = await serveOnOwnPort(broker, names, mount, use);
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
    if (await attempts.sweep()) use();
    const now = Date.now();
    if (attempts.size() === 0 && now >= approvalsUntil && now - usedAt >= lingerMs) await stop();
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
        attempts.add(attemptId);
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
