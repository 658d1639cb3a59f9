/** The page of the person at this computer, as `keyward open` serves it, over a broker that the test can reach into. */
import type { Broker } from '../../../src/broker/broker.ts';
import { loopbackPlace } from '../../../src/cli/keyward.ts';
import { readConfig } from '../../../src/config/config.ts';
import { createOwnerPages, type Ending } from '../../../src/http/loopback/owner-pages.ts';
import { type Session, startSession } from './session.ts';

export type OwnerPage = {
  readonly session: Session;
  /** The broker behind the page. */
  readonly broker: Broker;
  readonly origin: string;
  readonly link: string;
  readonly over: Promise<Ending>;
  close(): Promise<void>;
};

/** @param env options of Keyward */
export async function startOwnerPage(env: Readonly<Record<string, string>>): Promise<OwnerPage> {
  const session = await startSession(env);
  const config = readConfig(new Map(), { KEYWARD_PORT: `${session.port}`, ...env });
  const pages = createOwnerPages({ ...loopbackPlace(config), broker: () => broker });
  const broker: Broker = { ...session.broker, pages };
  const { link, over } = await pages.serve();
  return {
    session,
    broker,
    origin: new URL(link).origin,
    link,
    over,
    async close() {
      await pages.close();
      await session.close();
    },
  };
}
