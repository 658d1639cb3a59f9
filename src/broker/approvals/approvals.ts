/**
 * Acts that need their owner's approval: handing out a raw secret, and whatever widens or redirects what a connection is
 * good for. The one place that asks, and that finds the owner's answer when the assistant asks again.
 */
import { randomBytes } from 'node:crypto';
import { hasCode, KeywardError } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import { type Owner, type Principal, subjectOf } from '../../principal.ts';
import type { Approval, ApprovalAct, ApprovalDetails, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type Action, auditedRefusal, requireScope, who } from '../policy/policy.ts';
import { askedDigest, factsOf, isStillSo, type Matter } from './facts.ts';
import { busy, never, saidNo, tooMany, usedByAnother, waiting, waitingForOther } from './refusals.ts';
import {
  approvalIdFor,
  approvalStateOf,
  approvalsOf,
  hasMinutes,
  isGranted,
  isRecent,
  pausedUntil,
  requestLifetimeMs,
  unansweredOf,
} from './state.ts';

/** What is asked for. */
type Asked = {
  readonly credential: Matter;
  readonly action: Action;
  readonly act: ApprovalAct;
  readonly details?: ApprovalDetails;
  /**
   * What keeps this request apart from others about the same matter: each has its own answer, and its own minutes. What
   * was allowed for minutes holds for exactly this.
   */
  readonly apart?: string;
  /** It would undo what its owner chose to be asked about, so that they are asked whatever `KEYWARD_RELEASE` says. */
  readonly undoesAsking?: boolean;
};

/** More requests within ten minutes than a person would read. */
const maxOpen = 20;
/** Pages of what is over can be read for so long. */
const keepMs = 3_600_000;
/** How long somebody waits for others who ask the same owner. */
const turnMs = 10_000;

/**
 * Returns when `KEYWARD_RELEASE` lets this be done at once, or when the owner approved it; an approval for once is used
 * up by that, and of several callers one gets it. Hosts that were approved can be reached again until the approval ends:
 * a server that was down is tried again.
 *
 * @throws KeywardError `approval_required` when the owner has been asked, `approval_denied` soon after a no,
 * `release_refused` where secrets are never handed out
 */
export async function requireApproval(broker: Broker, principal: Principal, asked: Asked): Promise<void> {
  const begunAt = Date.now();
  const { credential: matter, action, act, details = {}, apart = null } = asked;
  const { connectorId } = matter;
  const about = matter.id === null ? { connectorId } : { subject: matter.id, connectorId };
  const refuse = (error: KeywardError) => auditedRefusal(broker, principal, action, about, error);
  if (!needsApproval(broker, asked)) return;
  if (broker.settings.release === 'never' && act === 'release') throw await refuse(never());
  await requireScope(broker, principal, action, about);

  // Whoever else may use a connection can't say yes to it.
  const owner: Owner = matter.id === null ? principal : { tenant: matter.tenant, user: matter.owner };
  const id = approvalIdFor(broker, principal, matter, apart);
  const request = { connectorId, credentialId: matter.id, act, details, facts: factsOf(broker, matter) };
  const argumentsDigest = askedDigest(broker, request);
  const isOwner = principal.user === owner.user && principal.tenant === owner.tenant;
  const told = (askedAt: number) => (isOwner ? waiting(broker.pages, id, askedAt, act) : waitingForOther(act));
  for (;;) {
    const found = await broker.vault.get('approval', owner, id);
    if (found && hasMinutes(act) && isGranted(found)) return;
    const same = found?.argumentsDigest === argumentsDigest;
    const state = found && approvalStateOf(found);
    if (found && state === 'pending' && (same || (await isStillSo(broker, found)))) {
      throw await refuse(same ? told(found.askedAt) : busy());
    }
    // Of calls at the same moment one is allowed once, and however late another one gets here, it opens no second window.
    if (found && state === 'used' && found.askedAt > begunAt) throw await refuse(usedByAnother());
    if (found && state === 'denied') throw await refuse(saidNo(found.expiresAt));
    try {
      if (found && state === 'approved' && same) {
        if (act === 'host') return;
        await broker.vault.commit([{ op: 'update', kind: 'approval', record: { ...found, status: 'used' } }]);
        return;
      }
      const askedAt = Date.now();
      await inTurn(broker, owner, async () => {
        const changes = await requestOf(
          broker,
          owner,
          askerOf(principal, owner),
          { id, ...request, argumentsDigest, askedAt },
          found,
        );
        if (changes instanceof KeywardError) throw await refuse(changes);
        await broker.vault.audit({ ...who(principal), action: 'approval.ask', ...about, outcome: 'allowed' });
        await broker.vault.commit(changes);
      });
      throw await refuse(told(askedAt));
    } catch (error) {
      // Somebody else asked or was answered at the same time: look again.
      if (!hasCode(error, 'conflict')) throw error;
    }
  }
}

/** Whether an act waits for its owner as this Keyward is configured. */
function needsApproval({ settings }: Broker, { credential: matter, act, undoesAsking }: Asked): boolean {
  // The owner's own rules ask for a call and a deletion, and what they have not been shown they have not seen.
  if (act === 'call' || act === 'tools' || act === 'delete' || undoesAsking) return true;
  if (act === 'host') return settings.anyHost === 'page';
  // What a person gave through URL elicitation must not reach the client without their own act (MCP, elicitation).
  const elicited = act === 'release' && matter.id !== null && matter.obtainedBy === 'elicitation';
  return settings.release !== 'allow' || elicited;
}

/** The name of whoever asks: the program, and the person where that is not the owner. */
function askerOf({ root, user, tenant, ...own }: Principal, owner: Owner): string | null {
  const client = root?.client ?? own.client;
  if (user === owner.user && tenant === owner.tenant) return client ?? null;
  const person = tenant === owner.tenant ? subjectOf(user) : `${subjectOf(user)} of the tenant ${tenant}`;
  return client === undefined ? person : `${person}, with ${client}`;
}

/** Counting what an owner is asked, and adding to it, is one step: many calls at the same time must not all be the first. */
export function inTurn<T>(broker: Broker, { tenant, user }: Owner, work: () => Promise<T>): Promise<T> {
  const name = `approvals:${broker.vault.proof('approvals', JSON.stringify([tenant, user]))}`;
  return broker.vault.withLease(name, { waitMs: turnMs }, work);
}

type Request = Pick<
  Approval,
  'id' | 'connectorId' | 'credentialId' | 'act' | 'details' | 'facts' | 'argumentsDigest' | 'askedAt'
>;

/** The changes that store a request, and take away those that are long over; or why nobody is asked now. */
async function requestOf(
  broker: Broker,
  owner: Owner,
  client: string | null,
  request: Request,
  found: Approval | undefined,
): Promise<VaultChange[] | KeywardError> {
  const all = await approvalsOf(broker, owner);
  const pause = pausedUntil(all, client);
  if (pause > 0) return saidNo(pause);
  const others = all.filter(({ id }) => id !== request.id);
  if (all.flatMap((one) => unansweredOf(one)).length >= maxOpen) return tooMany(broker.pages, maxOpen);
  const now = Date.now();
  const fields = {
    ...request,
    client,
    status: 'pending',
    shown: false,
    listed: false,
    before: found ? unansweredOf(found, now) : [],
    expiresAt: request.askedAt + requestLifetimeMs,
  } as const;
  // A new key: a page of the request before is good for nothing any more.
  const secret = { key: randomBytes(32).toString('base64url') };
  const { tenant, user } = owner;
  return [
    ...others.filter((one) => isOver(one, now)).map((record) => ({ op: 'delete', kind: 'approval', record }) as const),
    found
      ? { op: 'update', kind: 'approval', record: { ...found, ...fields }, secret }
      : { op: 'create', kind: 'approval', record: { ...fields, tenant, owner: user, releaseUntil: null }, secret },
  ];
}

/** True once nobody reads its page any more, and no answer of it counts. */
function isOver({ expiresAt, releaseUntil, answered }: Approval, now: number): boolean {
  if (answered && answered.noes > 0 && isRecent(answered.at, now)) return false;
  return Math.max(expiresAt, releaseUntil ?? 0) + keepMs < now;
}

/**
 * What was asked and allowed about a credential that is gone, or about an earlier secret of it, counts for nothing any
 * more. A no still counts, and so does that the owner was asked: deleting or reconnecting must not free either.
 */
export async function forgetRequests(broker: Broker, principal: Owner, credentialId: string): Promise<void> {
  await forEachThat(broker, principal, (record) => {
    if (record.credentialId !== credentialId) return null;
    return unansweredOf(record).length > 0
      ? { op: 'update', kind: 'approval', record: closed(record, null) }
      : forgotten(record);
  });
}

/**
 * Ends whatever this owner was asked and allowed, about anything; answers how many requests and permissions counted. It is
 * the owner's own act: what they end counts as answered.
 */
export async function endRequests(broker: Broker, owner: Owner): Promise<number> {
  let ended = 0;
  await forEachThat(broker, owner, (record) => {
    if (['pending', 'approved', 'granted'].includes(approvalStateOf(record))) ended += 1;
    return forgotten(record);
  });
  return ended;
}

function forgotten(record: Approval): VaultChange {
  return record.status === 'denied' || (record.answered?.noes ?? 0) > 0
    ? { op: 'update', kind: 'approval', record: closed(record, null) }
    : { op: 'delete', kind: 'approval', record };
}

/** A page that was open before the name changed shows one that is no more: what waits has to be asked anew. */
export function closeRequests(broker: Broker, principal: Principal, credentialId: string): Promise<void> {
  return forEachThat(broker, principal, (record) => {
    if (record.credentialId !== credentialId) return null;
    const open = ['pending', 'approved'].includes(approvalStateOf(record));
    return open ? { op: 'update', kind: 'approval', record: closed(record, record.releaseUntil) } : null;
  });
}

/** Not open any more; a no stays as it is. */
function closed(record: Approval, releaseUntil: number | null): Approval {
  if (record.status === 'denied') return { ...record, releaseUntil };
  return { ...record, releaseUntil, status: 'pending', expiresAt: Math.min(record.expiresAt, Date.now()) };
}

async function forEachThat(
  broker: Broker,
  owner: Owner,
  change: (record: Approval) => VaultChange | null,
): Promise<void> {
  await forEvery(await approvalsOf(broker, owner), async (record) => {
    const made = change(record);
    if (made === null) return;
    await broker.vault.commit([made]).catch((error: unknown) => {
      // Answered or purged at this moment: it is harmless, since it is about what is no more.
      if (!hasCode(error, 'conflict')) throw error;
    });
  });
}
