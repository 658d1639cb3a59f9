/** Who used a connection lately, for its owner: the last of the audit log about it. */
import type { Principal } from '../../principal.ts';
import type { AuditEntry } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { requireCredential } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';

/** Events that are answered. */
const shownAtOnce = 12;
/** Most entries that are looked through, whosever they are. */
const maxLooked = 20_000;

export type Lately = {
  /** The newest first. */
  readonly events: readonly AuditEntry[];
  /** False where the log is longer than what was looked through: then newer events may be missing. */
  readonly isWhole: boolean;
};

/**
 * What the audit log has last about a connection of the caller's own.
 *
 * @throws KeywardError `not_found` or `forbidden` for a connection of somebody else
 */
export async function lately(broker: Broker, principal: Principal, connectionId: string): Promise<Lately> {
  await authorize(broker, principal, 'audit.read');
  const asked = { field: 'connectionId', action: 'audit.read' } as const;
  const { id } = await requireCredential(broker, principal, connectionId, asked);
  let events: AuditEntry[] = [];
  let looked = 0;
  for await (const { entry } of broker.vault.readAuditFrom(0)) {
    if (looked === maxLooked) return { events: events.toReversed(), isWhole: false };
    looked += 1;
    if (entry.subject === id) events = [...events.slice(1 - shownAtOnce), entry];
  }
  return { events: events.toReversed(), isWhole: true };
}
