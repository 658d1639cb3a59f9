/** Two processes with many readers each, round after round, at a token that has just expired. */
import { localPrincipal as me } from '../../../src/principal.ts';
import { ageTokens, connectAcme, startBroker, tokensOf } from '../broker.ts';
import { startAuthorizationServer } from '../servers/authorization-server.ts';
import { startReader } from './reader-process.ts';

export type Race = {
  /** Calls of the token endpoint. One more than the rounds would kill the grant: it rotates strictly. */
  readonly refreshes: number;
  /** Rounds in which not every reader got one and the same token. */
  readonly failures: number;
  readonly alive: boolean;
  readonly slowestMs: number;
};

/** @param database URL of a PostgreSQL database; without one the vault is a file */
export async function raceForRefresh(rounds: number, readers: number, database?: string): Promise<Race> {
  const server = await startAuthorizationServer();
  const keyward = await startBroker({ origin: server.issuer, database });
  const { broker, folder } = keyward;
  const id = await connectAcme(broker, me);
  const args = [folder, server.issuer, id, ...(database === undefined ? [] : [database])];
  const processes = await Promise.all([1, 2].map(() => startReader(args)));
  let [failures, slowestMs] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    await ageTokens(broker, me, id, -1_000);
    const readings = await Promise.all(processes.map((one) => one.read(readers)));
    const outcomes = new Set(readings.flatMap((one) => one.outcomes));
    if (outcomes.size !== 1 || ![...outcomes][0]?.startsWith('token ')) failures += 1;
    slowestMs = Math.max(slowestMs, ...readings.map((one) => one.ms));
  }
  await Promise.all(processes.map((one) => one.stop()));
  const { accessToken, refreshToken } = await tokensOf(broker, me, id);
  const alive = (await server.isActive(accessToken)) && (await server.isActive(refreshToken ?? ''));
  const refreshes = server.calls.refresh_token ?? 0;
  const refused = Object.keys(server.errors).length;
  await keyward.close();
  await server.close();
  return { refreshes, failures: failures + refused, alive, slowestMs };
}
