/**
 * Passkeys: signing in to the pages of HTTP mode without a code, where no issuer is configured. What a person has of them,
 * and their end. Knows no HTTP.
 */
import { createHash } from 'node:crypto';
import { hasCode, KeywardError } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import type { Owner } from '../../principal.ts';
import type { Passkey, PasskeySecret, Vault, VaultChange } from '../../vault/vault.ts';
import { idIn, idOfDigest } from '../input/text.ts';
import type { Refusals } from '../policy/audit.ts';
import { endVisitsBy } from './visits.ts';

type VaultPart = { readonly vault: Vault };

/** What passkeys need of a broker. */
export type PasskeyParts = VaultPart & { readonly refusals: Refusals };

/** So many of one person; the vault's quota is the same. */
export const maxPasskeys = 20;

/** Every passkey of this person, oldest first. */
export function listPasskeys({ vault }: VaultPart, person: Owner): Promise<Passkey[]> {
  return vault.list('passkey', person, {}, { limit: 100 });
}

/** Removes one of this person's passkeys, and signs out the browsers that it signed in. `not_found` for any other. */
export async function removePasskey(parts: VaultPart, person: Owner, given: string): Promise<void> {
  const id = idIn(given) ?? '';
  if ((await parts.vault.get('passkey', person, id)) === undefined) {
    throw new KeywardError('not_found', 'You have no such passkey, or not any more.', {
      hint: 'Go back to the page and reload it.',
    });
  }
  await noteAct(parts, person, 'passkey.remove', id);
  await endPasskey(parts, person, id);
  await endVisitsBy(parts, person, id);
}

/** Ends every passkey of this person; answers how many that were. */
export async function endPasskeys(parts: VaultPart, { tenant, user }: Owner): Promise<number> {
  const person = { tenant, user };
  const passkeys = await listPasskeys(parts, person);
  await forEvery(passkeys, ({ id }) => endPasskey(parts, person, id));
  return passkeys.length;
}

/** Ends one of this person's passkeys. While it is being used it gets other versions, and is looked up again. */
export async function endPasskey({ vault }: VaultPart, person: Owner, id: string): Promise<void> {
  for (;;) {
    const record = await vault.get('passkey', person, id);
    if (record === undefined || (await tried({ vault }, [{ op: 'delete', kind: 'passkey', record }]))) return;
  }
}

/** Commits; false when somebody else was first. */
export async function tried({ vault }: VaultPart, changes: readonly VaultChange[]): Promise<boolean> {
  try {
    await vault.commit(changes);
    return true;
  } catch (error) {
    if (hasCode(error, 'conflict')) return false;
    throw error;
  }
}

/** The sealed part; null when it was removed at this moment. */
export async function opened({ vault }: VaultPart, passkey: Passkey): Promise<PasskeySecret | null> {
  try {
    return await vault.open('passkey', passkey);
  } catch (error) {
    if (hasCode(error, 'not_found')) return null;
    throw error;
  }
}

/**
 * The id of a passkey's row. Not a keyed digest as that of a code: the key changes with a rotation, and a credential id holds
 * far more chance than anybody can guess (100 bits at least: WebAuthn Level 3, §4).
 */
export function passkeyIdOf(credentialId: string): string {
  return idOfDigest(createHash('sha256').update(`keyward passkey ${credentialId}`).digest('hex'));
}

/** Writes down what this person did on the pages; call it before the effect. */
export async function noteAct(
  { vault }: VaultPart,
  { tenant, user }: Owner,
  action: string,
  subject: string,
): Promise<void> {
  await vault.audit({ tenant, user, client: 'page', action, subject, outcome: 'allowed' });
}
