/** Approvals as their owner sees them: what is asked, by whom, and the answer. Knows no HTTP and no terminal. */
import { hasCode, KeywardError } from '../../errors.ts';
import { localPrincipal, type Owner, type Principal } from '../../principal.ts';
import type { Approval, ApprovalAct, ApprovalDetails, ApprovalFacts } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { authorize } from '../policy/policy.ts';
import { csrfFor, equalInConstantTime, linkTokenFor } from '../visitors/browser-binding.ts';
import { answeredAlready } from '../visitors/form-errors.ts';
import type { Sender, Visitor } from '../visitors/visitor.ts';
import { isStillSo } from './facts.ts';
import {
  type ApprovalState,
  approvalIdFor,
  approvalStateOf,
  approvalsOf,
  denied,
  grantMinutes,
  hasMinutes,
  isGranted,
  useWithinMs,
} from './state.ts';

export type { AskedCall, CallRule, ToolDifference } from '../../vault/vault.ts';

/** What a person needs to know to answer. */
export type ApprovalView = {
  readonly approvalId: string;
  readonly state: ApprovalState;
  readonly act: ApprovalAct;
  readonly details: ApprovalDetails;
  /** The program that asks, as it calls itself. */
  readonly client: string | null;
  /** As they were when it was asked. */
  readonly connectorId: string;
  readonly facts: ApprovalFacts;
  readonly askedAt: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly releaseUntil: number | null;
};

/** One entry of a list, with what its link carries where nobody signs in. */
export type ListedApproval = ApprovalView & { readonly token: string | null };

/** `once` holds for the next ask; `minutes` for every release to this client meanwhile, or every call of that tool or such a path; `end` ends such minutes. */
export type Decision =
  | { readonly answer: 'once' | 'deny' | 'end' }
  | { readonly answer: 'minutes'; readonly minutes: number };

/** The requests that wait for this person, and the minutes that they granted; oldest first. */
export async function openApprovals(broker: Broker, owner: Owner): Promise<ApprovalView[]> {
  return (await openRows(broker, owner)).map(({ view }) => view);
}

/**
 * Those requests for a visitor at the owner's own computer who has the link of one of them; each comes with its own
 * token.
 */
export async function listFromLink(broker: Broker, link: ApprovalLink): Promise<ListedApproval[]> {
  const { approval } = await openApproval(broker, link, 'local');
  const open = await openRows(broker, { tenant: approval.tenant, user: approval.owner });
  return Promise.all(
    open.map(async ({ row, view }) => {
      const { key } = await broker.vault.open('approval', row);
      return { ...view, token: linkTokenFor(row.id, key) };
    }),
  );
}

/** One that was answered, and how. */
export type AnsweredApproval = ApprovalView & { readonly answeredAt: number; readonly yes: boolean };

/** An answer is shown for so long. */
const answeredMs = 3_600_000;

/**
 * Everything of this person's that a page of requests shows: what waits, the minutes that run, and what was answered
 * within the last hour. Oldest first, but answers newest first.
 */
export async function requestsOf(
  broker: Broker,
  owner: Owner,
): Promise<{ waiting: ApprovalView[]; running: ApprovalView[]; answered: AnsweredApproval[] }> {
  const now = Date.now();
  const rows = await viewedRows(broker, owner);
  const answered = rows.flatMap(({ row, view }) =>
    row.answered !== undefined && now - row.answered.at < answeredMs && !isOpenState(view) && !isGranted(row, now)
      ? [{ ...view, answeredAt: row.answered.at, yes: row.answered.noes === 0 }]
      : [],
  );
  return {
    waiting: rows.flatMap(({ view }) => (view.state === 'pending' ? [view] : [])),
    // While a later request of the same program waits, the minutes of the one before go on.
    running: rows.flatMap(({ row, view }) => (isGranted(row, now) ? [view] : [])),
    answered: answered.toSorted((one, other) => other.answeredAt - one.answeredAt),
  };
}

function isOpenState({ state }: ApprovalView): boolean {
  return state === 'pending' || state === 'granted';
}

async function viewedRows(broker: Broker, owner: Owner): Promise<{ row: Approval; view: ApprovalView }[]> {
  const all = await approvalsOf(broker, owner);
  const views = await Promise.all(all.map(async (row) => ({ row, view: await viewOfApproval(broker, row) })));
  return views.flatMap(({ row, view }) => (view === null ? [] : [{ row, view }]));
}

async function openRows(broker: Broker, owner: Owner): Promise<{ row: Approval; view: ApprovalView }[]> {
  return (await viewedRows(broker, owner)).filter(({ view }) => isOpenState(view));
}

/** Which approval a page is about; the token of the link where nobody signs in. */
type ApprovalLink = { readonly id: string; readonly token: string | null };

/**
 * The page of a request, with the token that its form carries in this browser. Changes nothing, so whoever only looks
 * at the link decides nothing.
 *
 * @throws KeywardError `unauthenticated` when somebody has to sign in first; `not_found` for anybody but the owner, and
 * at the owner's own computer for whoever comes without the link
 */
export async function viewApproval(
  broker: Broker,
  link: ApprovalLink,
  browser: string,
  visitor: Visitor,
): Promise<ApprovalView & { readonly csrf: string }> {
  const { approval, key } = await openApproval(broker, link, visitor);
  const view = await viewOfApproval(broker, approval);
  if (view === null) throw nowhere();
  return { ...view, csrf: csrfFor(approval.id, key, browser) };
}

/**
 * Takes the answer of a form: it must come from the page of this very request, in this browser. Answers what the request
 * was, as it was shown.
 */
export async function answerApproval(
  broker: Broker,
  link: ApprovalLink,
  { browser, csrf, visitor }: Sender,
  decision: Decision,
): Promise<Approval> {
  const { approval, key } = await openApproval(broker, link, visitor);
  if (browser === null || !equalInConstantTime(csrf, csrfFor(approval.id, key, browser))) {
    throw new KeywardError('forbidden', 'This form was not sent from its own page, or is about an older request.', {
      hint: 'Reload the page and look at what is asked now. Cookies have to be allowed for it.',
    });
  }
  const { tenant, owner: user } = approval;
  await decide(broker, { tenant, user, scopes: new Set(['credentials:write']), client: 'page' }, approval.id, decision);
  return approval;
}

/** True for a request that this very caller made about a connection of its own: anybody can take its name, and nobody its id. */
export async function isAskedBy(broker: Broker, principal: Principal, approval: Approval): Promise<boolean> {
  const { id, credentialId, act } = approval;
  const credential = await broker.vault.get('credential', principal, credentialId ?? '');
  const apart = act === 'tools' ? act : null;
  return credential !== undefined && id === approvalIdFor(broker, principal, credential, apart);
}

/** Writes the owner's answer down. `attempt_used` when there is one already. */
export async function decide(broker: Broker, owner: Principal, approvalId: string, decision: Decision): Promise<void> {
  const approval = await broker.vault.get('approval', owner, approvalId);
  if (!approval) throw nowhere();
  if (approvalStateOf(approval) === 'pending' && !(await isStillSo(broker, approval))) throw expired();
  const record = answered(approval, decision, await approvalsOf(broker, owner));
  const action = decision.answer === 'deny' || decision.answer === 'end' ? 'approval.deny' : 'approval.approve';
  const { credentialId, connectorId } = approval;
  await authorize(broker, owner, action, { ...(credentialId !== null && { subject: credentialId }), connectorId });
  try {
    await broker.vault.commit([{ op: 'update', kind: 'approval', record }]);
  } catch (error) {
    if (hasCode(error, 'conflict')) throw answeredAlready();
    throw error;
  }
}

function answered(approval: Approval, decision: Decision, all: readonly Approval[]): Approval {
  const now = Date.now();
  const state = approvalStateOf(approval, now);
  if (decision.answer === 'end') {
    if (!isGranted(approval, now)) throw answeredAlready();
    // A later request may have taken the place of the one that granted the minutes; it goes on.
    return { ...approval, releaseUntil: null, ...(state === 'granted' && { status: 'used' as const }) };
  }
  if (state === 'expired') throw expired();
  if (state !== 'pending') throw answeredAlready();
  const yes = { at: now, noes: 0 };
  switch (decision.answer) {
    case 'deny':
      return denied(approval, all, now);
    case 'once':
      return { ...approval, status: 'approved', expiresAt: now + useWithinMs, answered: yes };
    case 'minutes': {
      const releaseUntil = now + readMinutes(approval, decision.minutes) * 60_000;
      return { ...approval, status: 'granted', releaseUntil, answered: yes };
    }
  }
}

/** What widens access is asked one by one: minutes of it could be used for anything. */
function readMinutes({ act }: Approval, minutes: number): number {
  if (hasMinutes(act) && grantMinutes.some((offered) => offered === minutes)) return minutes;
  throw new KeywardError('invalid_input', 'This can’t be approved for that time.', {
    hint: 'Go back and choose one of the times offered, or approve once.',
  });
}

async function openApproval(broker: Broker, { id, token }: ApprovalLink, visitor: Visitor) {
  if (visitor === 'unknown') {
    throw new KeywardError('unauthenticated', 'Keyward has to know who you are first.', {
      hint: 'Sign in, then open the page once more.',
    });
  }
  const approval = await broker.vault.get('approval', visitor === 'local' ? localPrincipal : visitor, id);
  if (!approval) throw nowhere(visitor);
  const { key } = await broker.vault.open('approval', approval);
  if (visitor === 'local' && !equalInConstantTime(token ?? '', linkTokenFor(id, key))) throw nowhere(visitor);
  return { approval, key };
}

/** Null for a request from before facts were kept. One whose facts have changed since is no more to be answered. */
async function viewOfApproval(broker: Broker, approval: Approval): Promise<ApprovalView | null> {
  const { facts } = approval;
  if (facts === undefined) return null;
  const state = approvalStateOf(approval);
  return {
    approvalId: approval.id,
    state: state === 'pending' && !(await isStillSo(broker, approval)) ? 'expired' : state,
    act: approval.act,
    details: approval.details,
    client: approval.client,
    connectorId: approval.connectorId,
    facts,
    askedAt: approval.askedAt,
    expiresAt: approval.expiresAt,
    releaseUntil: approval.releaseUntil,
  };
}

function nowhere(visitor: Visitor = 'local'): KeywardError {
  return new KeywardError('not_found', 'There is no such request, or not any more.', {
    hint: 'If an assistant waits for your approval, ask it to try once more.',
    // It may be another person's, of whom it says nothing.
    ...(visitor !== 'local' && { details: { signIn: true } }),
  });
}

function expired(): KeywardError {
  return new KeywardError('attempt_expired', 'This request has expired, or what it is about has changed.', {
    hint: 'Nothing was handed out. The assistant can ask again.',
  });
}
