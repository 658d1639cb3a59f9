/** Who used a connection lately, for its owner: the last of the audit log about it. */
import type { Principal } from '../../principal.ts';
import type { AuditEntry } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { requireCredential } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';

/** Events that are answered. */
const shownAtOnce = 12;
/** Most entries that are looked through, whosever they are. */
const maxLooked = 5_000;

export type Lately = {
  /** The newest first. */
  readonly events: readonly AuditEntry[];
  /** How far back it was looked, where that is not to the beginning: ISO 8601. */
  readonly lookedTo: string | null;
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
  const events: AuditEntry[] = [];
  let looked = 0;
  for await (const { entry } of broker.vault.readAuditBack(null)) {
    if (entry.subject === id) events.push(entry);
    looked += 1;
    if (events.length === shownAtOnce || looked === maxLooked) return { events, lookedTo: entry.time };
  }
  return { events, lookedTo: null };
}
