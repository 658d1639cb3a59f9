/** What a refresh obtained, until it is stored and on its way there: rotated tokens are never lost. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../errors.ts';
import type { Credential, CredentialSecret } from '../../vault/vault.ts';
import type { Broker, Opened } from '../broker.ts';
import { amendSame, reread } from './amend.ts';
import { reconnectBy } from './expiry.ts';
import { findAuth } from './oauth-context.ts';

/** Waits between tries to store a rotated token, in milliseconds: a full disk or a busy lock often clears. */
const storeDelays = [50, 200, 1_000] as const;

/**
 * Stores a fresh secret and answers what is stored then: a grant that came from reconnecting meanwhile is newer and
 * stays. The old refresh token is dead already, so giving up is the last resort: a failing disk is tried again, and what
 * still can't be stored is kept in memory for the next caller, who must not use it before it is stored.
 */
export async function storeFresh(broker: Broker, tried: Credential, secret: CredentialSecret): Promise<Opened> {
  broker.unsaved.set(tried.id, { tried, secret });
  for (let attempt = 0; ; attempt += 1) {
    try {
      await amendSame(broker, tried, (now) => ({ record: renewed(broker, now, secret), secret }));
      break;
    } catch (error) {
      if (hasCode(error, 'not_found')) {
        broker.unsaved.delete(tried.id);
        throw error;
      }
      const wait = storeDelays[attempt];
      if (wait === undefined) throw error;
      await delay(wait);
    }
  }
  broker.unsaved.delete(tried.id);
  return reread(broker, tried);
}

/** A secret that an earlier refresh obtained for this very version and could not store; the stored one is dead then. */
export function unsavedFor(broker: Broker, credential: Credential): CredentialSecret | undefined {
  const unsaved = broker.unsaved.get(credential.id);
  return unsaved?.tried.secretVersion === credential.secretVersion ? unsaved.secret : undefined;
}

/** The record after a successful refresh or reconnect. */
export function renewed(broker: Broker, credential: Credential, secret: CredentialSecret): Credential {
  const tokens = secret.kind === 'tokens' ? secret : null;
  const auth = findAuth(broker, credential);
  const now = Date.now();
  const grantedAt = credential.grantedAt ?? credential.createdAt;
  return {
    ...credential,
    status: 'active',
    statusReason: null,
    refreshStartedAt: null,
    refreshedAt: now,
    reconnectBy: auth ? reconnectBy(auth, secret, grantedAt, now) : null,
    expiresAt: tokens?.expiresAt ?? null,
    scopes: tokens?.scopes ?? credential.scopes,
  };
}
