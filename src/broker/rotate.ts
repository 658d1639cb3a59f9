/** Storing rotated tokens without ever losing them, and reading what somebody else stored. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode, KeywardError } from '../errors.ts';
import type { Credential, CredentialSecret } from '../vault/vault.ts';
import type { Broker, Opened } from './broker.ts';

/** Waits between tries to store a rotated token, in milliseconds: a full disk or a busy lock often clears. */
const storeDelays = [50, 200, 1_000] as const;

/** The record and its secret as they are stored now; `not_found` if the credential was deleted. */
export async function reread(broker: Broker, seen: Credential): Promise<Opened> {
  const credential = await broker.vault.get('credential', { tenant: seen.tenant, user: seen.owner }, seen.id);
  if (!credential) {
    throw new KeywardError('not_found', `There is no connection ${seen.id}.`, {
      hint: 'It was deleted meanwhile. List the credentials to see what there is.',
    });
  }
  return { credential, secret: await broker.vault.open('credential', credential) };
}

/**
 * Stores a fresh secret and answers it. The old refresh token is dead already, so giving up is the last resort: a
 * changed record is re-read, a failing disk tried again, and what still can't be stored is kept in memory for the next
 * caller, who must not use it before it is stored.
 */
export async function storeFresh(broker: Broker, tried: Credential, secret: CredentialSecret): Promise<Opened> {
  broker.unsaved.set(tried.id, { secretVersion: tried.secretVersion, secret });
  for (let attempt = 0; ; attempt += 1) {
    try {
      const now = await reread(broker, tried);
      // Reconnected while the service was answering: the newer grant is the one to keep.
      if (now.credential.secretVersion !== tried.secretVersion) break;
      await broker.vault.commit([
        { op: 'update', kind: 'credential', record: renewed(now.credential, secret), secret },
      ]);
      break;
    } catch (error) {
      if (hasCode(error, 'not_found')) {
        broker.unsaved.delete(tried.id);
        throw error;
      }
      const wait = storeDelays[attempt];
      if (wait === undefined) throw error;
      if (!hasCode(error, 'conflict')) await delay(wait);
    }
  }
  broker.unsaved.delete(tried.id);
  return reread(broker, tried);
}

/** The record after a successful refresh or reconnect. */
export function renewed(credential: Credential, secret: CredentialSecret): Credential {
  const tokens = secret.kind === 'tokens' ? secret : null;
  return {
    ...credential,
    status: 'active',
    statusReason: null,
    refreshStartedAt: null,
    refreshedAt: Date.now(),
    expiresAt: tokens?.expiresAt ?? null,
    scopes: tokens?.scopes ?? credential.scopes,
  };
}
