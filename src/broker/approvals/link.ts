/** Bringing a request to its owner, and waiting for the answer: what the side that asks does. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { type Waiting, waitFor } from '../input/waiting.ts';
import { refused } from '../policy/policy.ts';
import { linkTokenFor } from '../visitors/browser-binding.ts';
import { approvalStateOf, coolDownMs } from './state.ts';

/**
 * The link of a request, to be shown to its owner and nobody else; null when it was shown already, so that no second
 * window opens. At the owner's own computer it carries a token; elsewhere the owner signs in.
 */
export async function takeLink(broker: Broker, principal: Principal, approvalId: string): Promise<string | null> {
  const approval = await broker.vault.get('approval', principal, approvalId);
  if (!approval || approval.shown || approvalStateOf(approval) !== 'pending') return null;
  const { key } = await broker.vault.open('approval', approval);
  const origin = await broker.pages.openApprovals(approval.expiresAt);
  try {
    await broker.vault.commit([{ op: 'update', kind: 'approval', record: { ...approval, shown: true } }]);
  } catch (error) {
    if (hasCode(error, 'conflict')) return null;
    throw error;
  }
  const token = broker.pages.showLocally === null ? '' : `/${linkTokenFor(approvalId, key)}`;
  return `${origin}/approvals/${approvalId}${token}`;
}

/** Waits for the owner's answer; true when there is one, whatever it is. */
export async function waitForAnswer(
  broker: Broker,
  principal: Principal,
  approvalId: string,
  seconds: number,
  waiting: Waiting,
): Promise<boolean> {
  const isOpen = async () => {
    const approval = await broker.vault.get('approval', principal, approvalId);
    return approval !== undefined && approvalStateOf(approval) === 'pending';
  };
  return !(await waitFor(isOpen, (open) => !open, seconds, waiting));
}

/** The owner did not want to see the link: that is a no. Answers the error to throw. */
export async function declineRequest(broker: Broker, principal: Principal, approvalId: string): Promise<KeywardError> {
  const approval = await broker.vault.get('approval', principal, approvalId);
  const error = new KeywardError('approval_denied', 'The person did not want to open the approval page.', {
    hint: 'Don’t ask again unless the person wants it; for some minutes Keyward will not ask them.',
  });
  if (!approval || approvalStateOf(approval) !== 'pending') return error;
  const record = { ...approval, status: 'denied', expiresAt: Date.now() + coolDownMs } as const;
  await broker.vault.commit([{ op: 'update', kind: 'approval', record }]).catch((problem: unknown) => {
    // Answered on the page at the same time: that answer counts.
    if (!hasCode(problem, 'conflict')) throw problem;
  });
  const { connectorId, credentialId: subject } = approval;
  return refused(broker, principal, 'approval.deny', { subject, connectorId }, error);
}
