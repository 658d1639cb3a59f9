/** Keeping what strangers send: there is room for so much, and the oldest that nobody answered goes first. */
import { hasCode } from '../../errors.ts';
import { nobody } from '../../principal.ts';
import type { Vault, VaultChange } from '../../vault/vault.ts';

/** So many make room at once, so that a flood does not make each request look for the next. */
const forgottenAtOnce = 100;

type Parts = { readonly vault: Vault };
type Creation = Extract<VaultChange, { op: 'create'; kind: 'registration' | 'authorization' }>;

/**
 * Keeps a new record, and sweeps away what ended. Where there are too many, the oldest ones go.
 *
 * @throws KeywardError `limit_reached` when none of them may go
 */
export async function keepMakingRoom({ vault }: Parts, creation: Creation): Promise<void> {
  const { kind } = creation;
  await vault.purge(kind, Date.now());
  try {
    await vault.commit([creation]);
  } catch (error) {
    if (!hasCode(error, 'limit_reached')) throw error;
    // A program that somebody let in is not among them.
    const filter = kind === 'registration' ? { status: 'unused' } : {};
    const oldest = await vault.list(kind, nobody, filter, { limit: forgottenAtOnce });
    if (oldest.length === 0) throw error;
    const forgotten = oldest.map((record) => ({ op: 'delete', kind, record }) as VaultChange);
    await vault.commit([...forgotten, creation]).catch((error: unknown) => {
      if (!hasCode(error, 'conflict')) throw error;
      // Somebody else makes room at this moment, or lets one of them in.
      return vault.commit([creation]);
    });
  }
}
