/** Where an approval stands, and which one belongs to whom. */
import type { Owner, Principal } from '../../principal.ts';
import type { Approval, ApprovalAct, ApprovalDetails, Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { idOfDigest } from '../input/text.ts';

/** How long a request waits for its owner. */
export const requestLifetimeMs = 600_000;
/** How long an approval for once can be used: the assistant has to ask again for it. */
export const useWithinMs = 600_000;
/** After a no the same client is not heard about this connection for so long. */
export const coolDownMs = 300_000;
/** For how many minutes a release can be approved at a time. */
export const grantMinutes = [5, 15, 60] as const;
/** A clock set back must not keep anything alive for days. */
const clockToleranceMs = 60_000;

/** `denied` and `approved` hold for a while, then they are `expired` as a request is that nobody answered. */
export type ApprovalState = Approval['status'] | 'expired';

/** Where an approval stands now, with time taken into account. */
export function approvalStateOf(approval: Approval, now = Date.now()): ApprovalState {
  if (approval.status === 'used') return 'used';
  if (approval.status === 'granted') return isGranted(approval, now) ? 'granted' : 'expired';
  return now >= approval.expiresAt || now < approval.askedAt - clockToleranceMs ? 'expired' : approval.status;
}

/** True while this client reads the secret without asking. */
export function isGranted({ releaseUntil }: Approval, now = Date.now()): boolean {
  return releaseUntil !== null && now < releaseUntil && releaseUntil <= now + Math.max(...grantMinutes) * 60_000;
}

/** The one id that requests of this client about this credential have: there is never a second open one. */
export function approvalIdFor(broker: Broker, { client, via }: Principal, credential: Credential): string {
  return idOfDigest(broker.vault.proof('approval', JSON.stringify([credential.id, client ?? null, via ?? null])));
}

/** Keyed digest of what is asked; an approval is good for exactly this. */
export function askedDigest(broker: Broker, credential: Credential, act: ApprovalAct, asked: ApprovalDetails): string {
  const { with: grantee = null, permission = null, policy } = asked;
  const rules = policy === undefined ? 'none' : policy && [policy.methods, policy.paths];
  return broker.vault.proof('approval-request', JSON.stringify([act, credential.id, grantee, permission, rules]));
}

/** All approvals of one owner; there are as many as pairs of client and credential of late. */
export function approvalsOf(broker: Broker, { tenant, user }: Owner): Promise<Approval[]> {
  return broker.vault.list('approval', { tenant, user }, {}, { limit: 500 });
}
