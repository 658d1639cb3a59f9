/** Reading the audit log: what happened in the caller's tenant. */
import type { Principal } from '../../principal.ts';
import type { AuditEntry } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { decodeCursor, defaultLimit, encodeCursor } from '../input/paging.ts';
import { authorize } from '../policy/policy.ts';

/** Most entries that one page looks through, whosever they are. */
const maxLooked = 10_000;

/**
 * The entries of the caller's tenant, oldest first. The log only grows, so a cursor stays good. A page begins where the
 * one before ended, and looks so far and no further: where others wrote much, it holds less than asked for, or nothing,
 * and still says where to go on.
 */
export async function readAudit(
  broker: Broker,
  principal: Principal,
  input: { cursor?: string | undefined; limit?: number | undefined },
): Promise<{ events: AuditEntry[]; nextCursor?: string }> {
  await authorize(broker, principal, 'audit.read');
  const limit = input.limit ?? defaultLimit;
  const [start] = input.cursor === undefined ? [0] : decodeCursor(input.cursor, [0]);
  const events: AuditEntry[] = [];
  let looked = 0;
  for await (const { entry, at, next } of broker.vault.readAuditFrom(start)) {
    looked += 1;
    if (entry.tenant === principal.tenant) {
      // One entry more than asked for tells that there is a next page, which begins with it.
      if (events.length === limit) return { events, nextCursor: encodeCursor([at]) };
      events.push(entry);
    }
    if (looked === maxLooked) return { events, nextCursor: encodeCursor([next]) };
  }
  return { events };
}
