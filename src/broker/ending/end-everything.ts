/** Ending everything of one owner at once: when a computer was lost, or an assistant did what nobody asked for. */
import { KeywardError, toPublic } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import type { Owner, Principal } from '../../principal.ts';
import { endRequests } from '../approvals/approvals.ts';
import { endAssistants } from '../authorization/assistants.ts';
import type { Broker } from '../broker.ts';
import { failAttempt, stateOf } from '../connect/state.ts';
import {
  type Blocked,
  blockConnections,
  type EndedConnection,
  endConnections,
} from '../credentials/end-connections.ts';
import { authorize } from '../policy/policy.ts';
import { endSignInCodes } from '../sign-in/code.ts';
import { endPasskeys } from '../sign-in/passkeys.ts';
import { listSessions, revokeSession } from '../sign-in/sessions.ts';
import { endVisits } from '../sign-in/visits.ts';

/** What ended. */
export type Receipt = {
  readonly connections: readonly EndedConnection[];
  /** What others were given of them. */
  readonly shares: number;
  /** Session tokens of HTTP mode. */
  readonly sessions: number;
  /** Programs that were let in through Keyward's own sign-in. */
  readonly assistants: number;
  /** Browsers that were signed in to the pages of HTTP mode. */
  readonly browsers: number;
  /** Passkeys for those pages. */
  readonly passkeys: number;
  /** Connect flows that waited for a person. */
  readonly attempts: number;
  /** Requests for approval that waited, and permissions for once or for minutes. */
  readonly approvals: number;
  /** What could not be ended, in words; doing it again goes on with it. */
  readonly problems: readonly string[];
};

/**
 * Ends every way to this owner's connections: first nobody can use them, then what leads into Keyward ends, then every grant
 * is revoked at its service. No part that fails keeps another from its turn, and a second run goes on with what failed in
 * the first. What other processes hold of the vault ends with it; a call that a service has begun to answer is not cut off.
 *
 * @param how as of `endConnections`
 */
export async function endEverything(
  broker: Broker,
  principal: Principal,
  how: Parameters<typeof endConnections>[3],
): Promise<Receipt> {
  await authorize(broker, principal, 'everything.end');
  const problems: string[] = [];
  async function part<T>(what: string, work: () => Promise<T>, none: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      problems.push(`${what}: ${toPublic(error).message}`);
      return none;
    }
  }
  const blocked: Blocked = new Map();
  const block = () => blockConnections(broker, principal, blocked);
  // What is left of it is looked at again below.
  await block().catch(() => undefined);
  await part('Sign-in codes', () => endSignInCodes(broker, principal), undefined);
  const passkeys = await endPasskeys(broker, principal).catch(() => 0);
  const sessions = await part('Session tokens', () => endSessions(broker, principal), 0);
  const browsers = await part('Signed-in browsers', () => endVisits(broker, principal), 0);
  // What a browser could still let in until then ends with it.
  const assistants = await part('Assistants', () => endAssistants(broker, principal), 0);
  const attempts = await part('Connect flows', () => endAttempts(broker, principal), 0);
  const approvals = await part('Approvals', () => endRequests(broker, principal), 0);
  // What is left of them, and what a browser added while it was signed in.
  const late = await part('Passkeys', () => endPasskeys(broker, principal), 0);
  // One may have been made until its way in was closed.
  problems.push(...(await part('Connections', block, [])));
  const shares = [...blocked.values()].reduce((sum, { shares = [] }) => sum + shares.length, 0);
  const connections = await part('Services', () => endConnections(broker, principal, blocked, how), []);
  return {
    connections,
    shares,
    sessions,
    assistants,
    browsers,
    passkeys: passkeys + late,
    attempts,
    approvals,
    problems,
  };
}

async function endSessions(broker: Broker, principal: Principal): Promise<number> {
  const own = (await listSessions(broker)).filter(
    ({ tenant, owner }) => tenant === principal.tenant && owner === principal.user,
  );
  await forEvery(own, ({ id }) => revokeSession(broker, principal, id));
  return own.length;
}

/** One whose service is answering right now fails when it comes to store the answer. */
async function endAttempts(broker: Broker, { tenant, user }: Owner): Promise<number> {
  const attempts = await broker.vault.list('attempt', { tenant, user }, {}, { limit: 1_000 });
  const pending = attempts.filter((attempt) => stateOf(attempt) === 'pending');
  const reason = new KeywardError('cancelled', 'The owner ended every connection.', {
    hint: 'Ask whether to try again before calling create_credential.',
  });
  await forEvery(pending, (attempt) => failAttempt(broker, attempt, reason));
  return pending.length;
}
