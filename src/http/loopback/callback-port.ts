/**
 * The fixed port that services send people back to. Several Keywards of one person share it: whoever came first serves
 * it for all, since any of them can finish any flow, and the others stand by to take over.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Hono } from 'hono';
import type { Broker } from '../../broker/broker.ts';
import { KeywardError } from '../../errors.ts';
import { otherPort } from '../../hosts.ts';
import type { Log } from '../../log.ts';
import { type Listener, listen } from '../listener/server.ts';
import { hostAndPort, identify, type Proof } from './challenge.ts';
import { createSerialQueue } from './serial-queue.ts';

type CallbackPort = {
  /**
   * Resolves when the port is served, by this process or by another one of the same vault. Fails with `port_in_use`
   * when a stranger has it. Until `release`, this process takes over as soon as the port is free.
   */
  hold(): Promise<void>;
  release(): Promise<void>;
};

type CallbackPortOptions = {
  readonly app: Hono;
  /** Loopback addresses; the first one is what another owner is asked at. */
  readonly addresses: readonly [string, ...string[]];
  readonly port: number;
  readonly egress: Broker['egress'];
  readonly proof: Proof;
  readonly log: Log;
};

/** How often a process that stands by looks whether the port is free, and whether its owner is still a Keyward. */
const standByMs = 500;
/** An owner that is just going away: look again so often, this long apart. */
const leaving = { tries: 20, waitMs: 50 } as const;

export function createCallbackPort(options: CallbackPortOptions): CallbackPort {
  const { addresses, port, egress, proof, log } = options;
  let listener: Listener | null = null;
  let held = false;
  let timer: NodeJS.Timeout | undefined;
  /** Standing by, holding and releasing would trip over each other. */
  const inTurn = createSerialQueue();

  const acquire = async (): Promise<void> => {
    for (let tries = 0; listener === null; tries += 1) {
      listener = await tryListen(options);
      if (listener !== null) return;
      const owner = await identify(egress, proof, addresses[0], port);
      if (owner === 'sibling') return;
      if (owner === 'stranger' || tries === leaving.tries) throw stranger(port);
      await delay(leaving.waitMs);
    }
  };

  const standBy = (): void => {
    clearTimeout(timer);
    if (!held || listener !== null) return;
    timer = setTimeout(() => {
      inTurn(async () => {
        if (held) await acquire();
      })
        .catch((error: unknown) => {
          const code = error instanceof KeywardError ? error.code : 'internal';
          log.warn('callback_port_lost', { port, code });
        })
        .finally(standBy);
    }, standByMs).unref();
  };

  return {
    hold: () =>
      inTurn(async () => {
        await acquire();
        held = true;
        standBy();
      }),
    release: () =>
      inTurn(async () => {
        held = false;
        clearTimeout(timer);
        await listener?.close();
        listener = null;
      }),
  };
}

/** Null when somebody has the port. */
async function tryListen({ app, addresses, port }: CallbackPortOptions): Promise<Listener | null> {
  try {
    return await listen((request, env) => app.fetch(request, env), addresses, port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return null;
    throw new KeywardError(
      'config_invalid',
      `Keyward may not listen on ${hostAndPort(addresses[0], port)} (${code}).`,
      {
        hint: 'Set KEYWARD_PORT to a port above 1023, and KEYWARD_HOST to a loopback address of this computer.',
      },
    );
  }
}

/** `keyward http` is none of those that share the port: it finishes what was begun there, for people who signed in. */
function stranger(port: number): KeywardError {
  const other = otherPort(port);
  return new KeywardError('port_in_use', `Port ${port} is taken by another program, or by keyward http.`, {
    hint:
      `Services send people back to that port. Stop the other program, or set KEYWARD_PORT to a free port, such as ` +
      `${other}, in the configuration of every client that starts Keyward, start those clients again, and add the ` +
      `redirect URI with the new port at each service. keyward status --port ${other} prints all of that.`,
  });
}
