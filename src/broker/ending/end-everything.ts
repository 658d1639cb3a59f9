/** Ending everything of one owner at once: when a computer was lost, or an assistant did what nobody asked for. */
import { KeywardError } from '../../errors.ts';
import type { Owner, Principal } from '../../principal.ts';
import { endRequests } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { failAttempt, stateOf } from '../connect/state.ts';
import { type EndedConnection, endConnections } from '../credentials/end-connections.ts';
import { authorize } from '../policy/policy.ts';
import { endSignInCodes } from '../sign-in/code.ts';
import { listSessions, revokeSession } from '../sign-in/sessions.ts';
import { endVisits } from '../sign-in/visits.ts';

/** What ended. */
export type Receipt = {
  readonly connections: readonly EndedConnection[];
  /** What others were given of them. */
  readonly shares: number;
  /** Session tokens of HTTP mode. */
  readonly sessions: number;
  /** Browsers that were signed in to the pages of HTTP mode. */
  readonly browsers: number;
  /** Connect flows that waited for a person. */
  readonly attempts: number;
  /** Requests for approval that waited, and permissions for once or for minutes. */
  readonly approvals: number;
};

/**
 * Ends every way to this owner's connections, those into Keyward first, then revokes every grant at its service. A second
 * run goes on with what failed in the first. What other processes hold of the vault ends with it; a call that a service has
 * begun to answer is not cut off.
 *
 * @param how as of `endConnections`
 */
export async function endEverything(
  broker: Broker,
  principal: Principal,
  how: Parameters<typeof endConnections>[2],
): Promise<Receipt> {
  await authorize(broker, principal, 'everything.end');
  await endSignInCodes(broker, principal);
  const sessions = await endSessions(broker, principal);
  const browsers = await endVisits(broker, principal);
  const attempts = await endAttempts(broker, principal);
  const approvals = await endRequests(broker, principal);
  const { connections, shares } = await endConnections(broker, principal, how);
  return { connections, shares, sessions, browsers, attempts, approvals };
}

async function endSessions(broker: Broker, principal: Principal): Promise<number> {
  const own = (await listSessions(broker)).filter(
    ({ tenant, owner }) => tenant === principal.tenant && owner === principal.user,
  );
  for (const { id } of own) await revokeSession(broker, principal, id);
  return own.length;
}

/** One whose service is answering right now fails when it comes to store the answer. */
async function endAttempts(broker: Broker, { tenant, user }: Owner): Promise<number> {
  const attempts = await broker.vault.list('attempt', { tenant, user }, {}, { limit: 1_000 });
  const pending = attempts.filter((attempt) => stateOf(attempt) === 'pending');
  const reason = new KeywardError('cancelled', 'The owner ended every connection.', {
    hint: 'Ask whether to try again before calling create_credential.',
  });
  for (const attempt of pending) await failAttempt(broker, attempt, reason);
  return pending.length;
}
