/** Ending an attempt with a credential. */
import type { Principal } from '../../principal.ts';
import type { Attempt, CredentialSecret, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { storeCredential } from '../credentials/store-credential.ts';
import { ownerOf } from '../grants/oauth-context.ts';

/** Stores the credential, completes the attempt and does what is `alongside` in one commit; answers the credential's id. */
export async function finishAttempt(
  broker: Broker,
  attempt: Attempt,
  obtainSecret: () => Promise<CredentialSecret>,
  alongside: readonly VaultChange[] = [],
): Promise<string> {
  const owner = personOf(attempt);
  return storeCredential(broker, { ...attempt, owner }, obtainSecret, (credentialId) => [
    ...alongside,
    completed(attempt, credentialId),
  ]);
}

/** Ends an attempt with this credential: whoever waits for it is told. */
export function completed(attempt: Attempt, credentialId: string): VaultChange {
  return { op: 'update', kind: 'attempt', record: { ...attempt, status: 'completed', credentialId, error: null } };
}

/**
 * The person who finishes an attempt, as the principal of what the pages do. The attempt was authorised when it
 * started, and the page has checked the browser. Where a backend vouched for the person, it is the one that acts.
 */
export function personOf(attempt: Attempt): Principal {
  const { startedBy } = attempt;
  return {
    ...ownerOf(attempt),
    scopes: new Set(['credentials:read', 'credentials:write']),
    client: 'page',
    ...(startedBy ? { actor: startedBy } : {}),
  };
}
