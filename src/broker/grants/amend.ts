/** Changing credentials that others change too: no change undoes another one. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Credential, CredentialSecret, VaultChange } from '../../vault/vault.ts';
import type { Broker, Opened } from '../broker.ts';
import { ownerOf } from './oauth-context.ts';

/** Longer than a token request and storing its answer take, so that a waiter outlasts the holder. */
const leaseWaitMs = 45_000;
/** Runs `work` while nobody else, in any process, refreshes or revokes this credential's grant. */
export function holdingGrant<T>(broker: Broker, credentialId: string, work: () => Promise<T>): Promise<T> {
  return broker.vault.withLease(`refresh:${credentialId}`, { waitMs: leaseWaitMs }, work);
}

/** The record and its secret as they are stored now; `not_found` if the credential was deleted. */
export async function reread(broker: Broker, seen: Credential): Promise<Opened> {
  const credential = await current(broker, seen);
  return { credential, secret: await broker.vault.open('credential', credential) };
}

async function current(broker: Broker, seen: Credential): Promise<Credential> {
  const credential = await broker.vault.get('credential', ownerOf(seen), seen.id);
  if (credential) return credential;
  throw new KeywardError('not_found', `There is no connection ${seen.id}.`, {
    hint: 'It was deleted meanwhile. List the credentials to see what there is.',
  });
}

/** What to store in place of a record; null leaves it as it is. */
type Amendment = {
  readonly record: Credential;
  readonly secret?: CredentialSecret;
  /** What is stored in the same step. */
  readonly alongside?: readonly VaultChange[];
} | null;

/**
 * Changes a credential as it is at this moment: `change` sees the newest record, and sees it again when somebody else
 * was faster. Answers whether anything was stored. `not_found` if the credential was deleted.
 */
export async function amend(
  broker: Broker,
  seen: Credential,
  change: (now: Credential) => Amendment | Promise<Amendment>,
): Promise<boolean> {
  for (let now = await current(broker, seen); ; ) {
    const amendment = await change(now);
    if (amendment === null) return false;
    const { alongside = [], ...changed } = amendment;
    const record = dated(now, changed.record);
    try {
      await broker.vault.commit([{ op: 'update', kind: 'credential', ...changed, record }, ...alongside]);
      return true;
    } catch (error) {
      const newest = hasCode(error, 'conflict') ? await current(broker, seen) : now;
      // Not this record: one of those alongside was changed, and trying again would not help.
      if (newest.version === now.version) throw error;
      now = newest;
    }
  }
}

/** The record with the day on which it began to need a person, or to work again. */
function dated(before: Credential, after: Credential): Credential {
  return before.status === after.status ? after : { ...after, statusSince: Date.now() };
}

/** What a change throws that was decided on a record which is no longer so. */
export function changedMeanwhile(): KeywardError {
  return new KeywardError('conflict', 'Somebody else changed this connection at the same time.', {
    hint: 'Look at it again, then retry.',
  });
}

/** As `amend`, for changes that belong to one secret: nothing happens once it was replaced. */
export function amendSame(
  broker: Broker,
  seen: Credential,
  change: (now: Credential) => NonNullable<Amendment>,
): Promise<boolean> {
  return amend(broker, seen, (now) => (now.secretVersion === seen.secretVersion ? change(now) : null));
}
