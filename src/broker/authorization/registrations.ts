/** Programs that registered themselves (RFC 7591). They are forgotten when nobody uses them. */
import { hasCode } from '../../errors.ts';
import { nobody } from '../../principal.ts';
import type { Records, Vault } from '../../vault/vault.ts';
import { isId } from '../input/text.ts';
import { keepMakingRoom } from './making-room.ts';

type Parts = { readonly vault: Vault };
type Registration = Records['registration']['record'];
type Said = Readonly<Record<string, unknown>>;

/** A registration that nobody lets in is forgotten after this time. */
const unusedMs = 24 * 3_600_000;
/** One that somebody let in is kept so long after its last assistant ended: it asks again under its client id. */
const afterwardsMs = 30 * 24 * 3_600_000;

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

/** This program gets an assistant, which ends at that time: until then it is known, and makes room for no other. */
export function noteUse(parts: Parts, clientId: string, endsAt: number): Promise<void> {
  return change(parts, clientId, (record) => ({
    ...record,
    status: 'used',
    assistants: (record.assistants ?? 0) + 1,
    expiresAt: Math.max(record.expiresAt, endsAt + afterwardsMs),
  }));
}

/** An assistant of this program was ended. After the last one the program makes room for others, as one that nobody let in. */
export function noteEnd(parts: Parts, clientId: string): Promise<void> {
  return change(parts, clientId, (record) => {
    const assistants = Math.max(0, (record.assistants ?? 0) - 1);
    if (assistants > 0) return { ...record, assistants };
    return {
      ...record,
      status: 'unused',
      assistants,
      expiresAt: Math.min(record.expiresAt, Date.now() + afterwardsMs),
    };
  });
}

/** Changes the registration, if there is one: none belongs to a program with a metadata document. */
async function change({ vault }: Parts, clientId: string, next: (record: Registration) => Registration): Promise<void> {
  if (!isId(clientId)) return;
  for (;;) {
    const record = await vault.get('registration', nobody, clientId);
    if (record === undefined) return;
    try {
      return await vault.commit([{ op: 'update', kind: 'registration', record: next(record) }]);
    } catch (error) {
      // Another assistant of it begins or ends at this moment.
      if (!hasCode(error, 'conflict')) throw error;
    }
  }
}
