/** Two instances of Keyward on one database, and many people who use one shared connection when its token has expired. */
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { createSession } from '../../../src/broker/sign-in/sessions.ts';
import { ageTokens, connectAcme, principal, sharedKey, startBroker, tokensOf } from '../broker.ts';
import { raw } from '../clients/raw-http.ts';
import { startKeywardHttp } from '../servers/keyward-http.ts';
import { startWorld } from '../world.ts';

export type HttpRace = {
  /** Calls of the token endpoint in each round. */
  readonly refreshes: readonly number[];
  /** Different answers to those who used the connection: `<status>` of the service, or of Keyward. */
  readonly statuses: readonly number[];
  readonly alive: boolean;
  readonly slowestMs: number;
};

const tenant = 'default';

export async function raceOverHttp(database: string, rounds: number, users: number): Promise<HttpRace> {
  const world = await startWorld();
  const { broker, close } = await startBroker({ origin: world.server.issuer, database });
  const owner = principal('owner', tenant);
  const id = await connectAcme(broker, owner);
  await shareConnection(broker, owner, { connectionId: id, with: `tenant:${tenant}`, permission: 'use' });
  const tokens = await Promise.all(
    Array.from({ length: users }, async (_, at) => {
      const session = { tenant, user: `user ${at}`, scopes: ['credentials:use'], expiresAt: null };
      return (await createSession(broker, owner, session)).token;
    }),
  );
  const env = { ...world.env, KEYWARD_STORE: database, KEYWARD_KEY: sharedKey, KEYWARD_RATE_LIMIT: '1000000' };
  const instances = await Promise.all([startKeywardHttp(env), startKeywardHttp(env)]);
  const use = async (token: string, at: number) => {
    const { origin } = instances[at % instances.length] as (typeof instances)[number];
    return (await raw(origin, `/proxy/${id}/me`, { headers: { authorization: `Bearer ${token}` } })).status;
  };

  const refreshes: number[] = [];
  const statuses = new Set<number>();
  let slowestMs = 0;
  for (let round = 0; round < rounds; round += 1) {
    await ageTokens(broker, owner, id, -1_000);
    const before = world.server.calls.refresh_token ?? 0;
    const begun = performance.now();
    for (const status of await Promise.all(tokens.map(use))) statuses.add(status);
    slowestMs = Math.max(slowestMs, performance.now() - begun);
    refreshes.push((world.server.calls.refresh_token ?? 0) - before);
  }
  const { accessToken, refreshToken } = await tokensOf(broker, owner, id);
  const alive = (await world.server.isActive(accessToken)) && (await world.server.isActive(refreshToken ?? ''));
  await Promise.all(instances.map((one) => one.stop()));
  await close();
  await world.close();
  return { refreshes, statuses: [...statuses], alive, slowestMs };
}
