/** Reading the audit log: what happened in the caller's tenant. */
import type { Principal } from '../../principal.ts';
import type { AuditEntry } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { decodeCursor, defaultLimit, encodeCursor } from '../input/paging.ts';
import { authorize } from '../policy/policy.ts';

/** The entries of the caller's tenant, oldest first. The log only grows, so a cursor stays good. */
export async function readAudit(
  broker: Broker,
  principal: Principal,
  input: { cursor?: string | undefined; limit?: number | undefined },
): Promise<{ events: AuditEntry[]; nextCursor?: string }> {
  await authorize(broker, principal, 'audit.read');
  const limit = input.limit ?? defaultLimit;
  const [start] = input.cursor === undefined ? [0] : decodeCursor(input.cursor, [0]);
  const events: AuditEntry[] = [];
  let place = 0;
  for await (const entry of broker.vault.readAudit()) {
    place += 1;
    if (place <= start || entry.tenant !== principal.tenant) continue;
    // One entry more than asked for tells that there is a next page, which begins with it.
    if (events.length === limit) return { events, nextCursor: encodeCursor([place - 1]) };
    events.push(entry);
  }
  return { events };
}
