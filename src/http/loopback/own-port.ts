/** Pages on a port that can't be known before, for the programs of this user. */
import type { Hono } from 'hono';
import type { Broker } from '../../broker/broker.ts';
import { listen } from '../listener/server.ts';
import { createApp } from '../middleware/app.ts';
import { freshKeys } from '../middleware/fresh-keys.ts';
import { hostsAt, type Names } from './names.ts';
import { isOtherUsers } from './other-user.ts';

type OwnPort = {
  /** `http://127.0.0.1:49152` */
  readonly origin: string;
  close(): Promise<void>;
};

const othersPage = 'This page belongs to another user of this computer.\n';

/**
 * Serves these routes on a free port of loopback, to the programs of this user alone where the system tells them apart.
 *
 * @param mount puts the routes on the app, once the port is known
 * @param use is told of each request of this user's
 */
export async function serveOnOwnPort(
  broker: Broker,
  { hostname, addresses }: Names,
  mount: (app: Hono, port: number) => void,
  use: (request: Request) => void,
): Promise<OwnPort> {
  // The origin is part of every check, and the port is known only once it is held: the app comes second.
  let app: Hono | undefined;
  const listener = await listen(
    async (request, env) => {
      if (await isOtherUsers(env.incoming.socket)) return new Response(othersPage, { status: 403 });
      use(request);
      return app === undefined ? new Response(null, { status: 503 }) : app.fetch(request, env);
    },
    addresses,
    0,
  );
  const own = hostsAt(hostname, listener.port);
  const around = [freshKeys(broker.vault)];
  app = createApp({ hosts: own, origins: own.map((host) => `http://${host}`), around, log: broker.log });
  mount(app, listener.port);
  return { origin: `http://${hostname}:${listener.port}`, close: listener.close };
}
