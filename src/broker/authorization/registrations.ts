/** Programs that registered themselves (RFC 7591). They are forgotten when nobody uses them. */
import { hasCode } from '../../errors.ts';
import { nobody } from '../../principal.ts';
import { isId } from '../input/text.ts';
import type { Parts } from './assistants.ts';
import { keepMakingRoom } from './making-room.ts';

type Said = Readonly<Record<string, unknown>>;

/** A registration that nobody lets in is forgotten after this time. */
const unusedMs = 24 * 3_600_000;
/** One that somebody let in is kept so long after the last time. */
const usedMs = 400 * 24 * 3_600_000;
/** Keeps what a program said of itself under its client id. `limit_reached` when there are too many that are used. */
export async function register(parts: Parts, clientId: string, said: Said): Promise<void> {
  const expiresAt = Date.now() + unusedMs;
  const record = { id: clientId, tenant: nobody.tenant, owner: nobody.user, status: 'unused', expiresAt } as const;
  await keepMakingRoom(parts, { op: 'create', kind: 'registration', record, secret: said });
}

/** What the program with this client id said of itself; null for one that is not known, or not any more. */
export async function registered({ vault }: Parts, clientId: string): Promise<Said | null> {
  const record = isId(clientId) ? await vault.get('registration', nobody, clientId) : undefined;
  if (record === undefined || record.expiresAt <= Date.now()) return null;
  return vault.open('registration', record).catch((error: unknown) => {
    if (hasCode(error, 'not_found')) return null;
    throw error;
  });
}

/** Somebody lets this program in: it is not forgotten soon. */
export async function noteUse({ vault }: Parts, clientId: string): Promise<void> {
  const record = isId(clientId) ? await vault.get('registration', nobody, clientId) : undefined;
  if (record === undefined) return;
  const used = { ...record, status: 'used', expiresAt: Date.now() + usedMs } as const;
  await vault.commit([{ op: 'update', kind: 'registration', record: used }]).catch((error: unknown) => {
    // Somebody else lets it in at this moment.
    if (!hasCode(error, 'conflict')) throw error;
  });
}
