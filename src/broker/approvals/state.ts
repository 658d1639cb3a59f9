/** Where an approval stands, which one belongs to whom, and how long a no keeps a client quiet. */
import type { Owner, Principal } from '../../principal.ts';
import type { Approval, ApprovalAct, UnansweredRequest } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { isOver } from '../input/lifetime.ts';
import { idOfDigest } from '../input/text.ts';
import type { Matter } from './facts.ts';

/** How long a request waits for its owner. */
export const requestLifetimeMs = 600_000;
/** How long an approval for once can be used: the assistant has to ask again for it. */
export const useWithinMs = 600_000;
/** After its first no a client is not heard about this matter for so long; each further no doubles that, up to a bound. */
const firstPauseMs = 300_000;
const longestPauseMs = 14_400_000;
/** After this many noes without a yes, the pause is for everything that the client asks. */
const noesForAll = 3;
/** As much of the name of whoever asks is shown, in characters: for a command, the whole line. */
export const maxClient = 700;
/** Noes count for a day. */
const noesCountMs = 86_400_000;
/** For how many minutes a release, or the calls of one tool, can be approved at a time. */
export const grantMinutes = [5, 15, 60] as const;

/** True for acts that can be approved for minutes; what widens access is asked one by one. */
export function hasMinutes(act: ApprovalAct): boolean {
  return act === 'release' || act === 'call';
}

/** `denied` and `approved` hold for a while, then they are `expired` as a request is that nobody answered. */
export type ApprovalState = Approval['status'] | 'expired';

/** Where an approval stands now, with time taken into account. */
export function approvalStateOf(approval: Approval, now = Date.now()): ApprovalState {
  if (approval.status === 'used') return 'used';
  if (approval.status === 'granted') return isGranted(approval, now) ? 'granted' : 'expired';
  return isOver(approval.askedAt, approval.expiresAt, now) ? 'expired' : approval.status;
}

/**
 * The requests of this id that its owner was asked of late and has not answered. They count by when they were made, not by
 * where they stand: one that is void, such as by a new name, has taken its owner's attention all the same.
 */
export function unansweredOf(approval: Approval, now = Date.now()): UnansweredRequest[] {
  const { status, askedAt, shown, listed = false, before = [] } = approval;
  if (status !== 'pending') return [];
  return [{ askedAt, shown, listed }, ...before].filter(
    (one) => !isOver(one.askedAt, one.askedAt + requestLifetimeMs, now),
  );
}

/** True while this client reads the secret without asking. */
export function isGranted({ releaseUntil }: Approval, now = Date.now()): boolean {
  return releaseUntil !== null && now < releaseUntil && releaseUntil <= now + Math.max(...grantMinutes) * 60_000;
}

/**
 * The one id that requests of this client about this matter have: there is never a second open one.
 *
 * @param apart what else keeps requests apart; null for none
 */
export function approvalIdFor(
  broker: Broker,
  { root, client, via, tenant, user }: Principal,
  matter: Matter,
  apart: string | null = null,
): string {
  const subject = matter.id ?? [matter.connectorId, [...matter.hosts].sort()];
  const who = root === undefined ? [client ?? null, via ?? null] : [root.client, root.via];
  const name = apart === null ? [subject, ...who] : [subject, ...who, tenant, user, apart];
  return idOfDigest(broker.vault.proof('approval', JSON.stringify(name)));
}

/** All approvals of one owner; there are as many as pairs of client and matter of late. */
export function approvalsOf(broker: Broker, { tenant, user }: Owner): Promise<Approval[]> {
  return broker.vault.list('approval', { tenant, user }, {}, { limit: 500 });
}

/** The request with its owner's no, which lasts the longer the more often this client was told no. */
export function denied(approval: Approval, all: readonly Approval[], now = Date.now()): Approval {
  const before = noesOf(all, approval.client, now);
  const here = noesOf([approval, ...all.filter(isYes)], approval.client, now);
  const pause = Math.min(firstPauseMs * 2 ** before, longestPauseMs);
  return { ...approval, status: 'denied', expiresAt: now + pause, answered: { at: now, noes: here + 1 } };
}

/** Until when nobody is asked anything for this client, after several noes; 0 when it may ask. */
export function pausedUntil(all: readonly Approval[], client: string | null, now = Date.now()): number {
  if (noesOf(all, client, now) < noesForAll) return 0;
  const noes = all.filter((one) => isSameAsker(one.client, client) && approvalStateOf(one, now) === 'denied');
  return Math.max(0, ...noes.map(({ expiresAt }) => expiresAt));
}

/**
 * Whether two names are those of one asker, whose noes and windows count together. The name of a command holds a command
 * line, so whoever starts it could take another one after each no.
 */
export function isSameAsker(one: string | null, other: string | null): boolean {
  return one === other || [one, other].every((name) => name?.startsWith('keyward '));
}

/** How many noes this client got within a day, since its last yes. */
function noesOf(all: readonly Approval[], client: string | null, now: number): number {
  const own = all.filter((one) => isSameAsker(one.client, client));
  const lastYes = Math.max(0, ...own.filter(isYes).map(({ answered }) => answered?.at ?? 0));
  const counts = own.map(({ answered }) =>
    answered && answered.at > lastYes && isRecent(answered.at, now) ? answered.noes : 0,
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function isYes({ answered }: Approval): boolean {
  return answered?.noes === 0;
}

/** True while a no still counts. */
export function isRecent(at: number, now: number): boolean {
  return now - at < noesCountMs;
}
