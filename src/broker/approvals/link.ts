/** Bringing a request to its owner, and waiting for the answer: what the side that asks does. */
import { hasCode, type KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Approval } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { isId } from '../input/text.ts';
import { type Waiting, waitFor } from '../input/waiting.ts';
import { isWithin } from '../policy/limits.ts';
import { auditedRefusal } from '../policy/policy.ts';
import { linkTokenFor } from '../visitors/browser-binding.ts';
import { inTurn } from './approvals.ts';
import { saidNo } from './refusals.ts';
import { approvalStateOf, approvalsOf, denied, isSameAsker, unansweredOf } from './state.ts';

/** More windows than this within ten minutes are no questions any more; what follows is left to one list. */
const maxWindows = 3;

/**
 * The link of a request, or of the list where enough windows are open, to be shown to its owner and nobody else; null
 * when it was shown already, so that no second window opens. At the owner's own computer it carries a token; elsewhere
 * the owner signs in.
 *
 * @param askedAt which request of that id, in milliseconds since 1970; one that was asked for later is somebody else's
 */
export async function takeLink(
  broker: Broker,
  principal: Principal,
  approvalId: string,
  askedAt?: number,
): Promise<string | null> {
  const seen = await find(broker, principal, approvalId);
  if (!seen || !isToShow(seen, askedAt)) return null;
  const { key } = await broker.vault.open('approval', seen);
  const origin = await broker.pages.openApprovals(seen.expiresAt);
  const place = await inTurn(broker, principal, () => placeFor(broker, principal, seen));
  if (place === null) return null;
  const local = broker.pages.showLocally !== null;
  const token = local ? `/${linkTokenFor(approvalId, key)}` : '';
  if (place === 'window') return `${origin}/approvals/${approvalId}${token}`;
  return local ? `${origin}/approvals/${approvalId}${token}/all` : `${origin}/approvals`;
}

/** Notes that a request is shown, and answers where; null when no window opens for it. */
async function placeFor(broker: Broker, principal: Principal, seen: Approval): Promise<'window' | 'list' | null> {
  const all = await approvalsOf(broker, principal);
  const approval = all.find(({ id }) => id === seen.id);
  if (!approval || !isToShow(approval, seen.askedAt)) return null;
  const beside = all
    .filter((one) => isSameAsker(one.client, approval.client))
    .flatMap((one) => unansweredOf(one))
    .filter((one) => one.shown);
  const listed = beside.filter((one) => one.listed).length;
  const inList = beside.length - listed >= maxWindows;
  try {
    await broker.vault.commit([
      { op: 'update', kind: 'approval', record: { ...approval, shown: true, listed: inList } },
    ]);
  } catch (error) {
    if (hasCode(error, 'conflict')) return null;
    throw error;
  }
  if (!inList) return 'window';
  // One list shows them all, and those that come after it was opened.
  return listed === 0 ? 'list' : null;
}

function isToShow(approval: Approval, askedAt = approval.askedAt): boolean {
  return !approval.shown && isOpen(approval, askedAt);
}

/** True for the id of one of this caller's requests; any other text is none. */
export async function isRequest(broker: Broker, principal: Principal, id: string): Promise<boolean> {
  return isId(id) && (await find(broker, principal, id)) !== undefined;
}

/** A request of this caller's, about what there is for it. */
async function find(broker: Broker, principal: Principal, id: string): Promise<Approval | undefined> {
  const approval = await broker.vault.get('approval', principal, id);
  if (approval === undefined) return undefined;
  const { credentialId, connectorId } = approval;
  return isWithin(principal.limits, { id: credentialId, connectorId }) ? approval : undefined;
}

/** Whether that very request waits; one of the same id that was asked for later is another. */
function isOpen(approval: Approval, askedAt: number): boolean {
  return approval.askedAt === askedAt && approvalStateOf(approval) === 'pending';
}

/**
 * Waits for the owner's answer; true when there is one, whatever it is.
 *
 * @param askedAt as for {@link takeLink}
 */
export async function waitForAnswer(
  broker: Broker,
  principal: Principal,
  approvalId: string,
  seconds: number,
  waiting: Waiting,
  askedAt?: number,
): Promise<boolean> {
  const look = async () => {
    const approval = await find(broker, principal, approvalId);
    return approval !== undefined && isOpen(approval, askedAt ?? approval.askedAt);
  };
  const wait = () => waitFor(look, (open) => !open, seconds, waiting);
  return !(await (seconds > 0 ? broker.underWay.waits.run(principal, wait) : wait()));
}

/** The owner did not want to see the link: that is a no. Answers the error to throw. */
export async function declineRequest(broker: Broker, principal: Principal, approvalId: string): Promise<KeywardError> {
  const approval = await find(broker, principal, approvalId);
  const told = (until: number) => saidNo(until, 'The person did not want to open the approval page.');
  if (!approval || approvalStateOf(approval) !== 'pending') return told(approval?.expiresAt ?? 0);
  const record = denied(approval, await approvalsOf(broker, principal));
  await broker.vault.commit([{ op: 'update', kind: 'approval', record }]).catch((problem: unknown) => {
    // Answered on the page at the same time: that answer counts.
    if (!hasCode(problem, 'conflict')) throw problem;
  });
  const { connectorId, credentialId } = approval;
  const about = credentialId === null ? { connectorId } : { subject: credentialId, connectorId };
  return auditedRefusal(broker, principal, 'approval.deny', about, told(record.expiresAt));
}
