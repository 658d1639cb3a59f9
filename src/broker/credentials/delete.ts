/** Deleting a credential, and giving its grant back. */
import { hasCode } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import { forgetRequests } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { holdingGrant, unsavedFor } from '../grants/amend.ts';
import { oauthContext } from '../grants/oauth-context.ts';
import { type Revocation, revoke } from '../oauth/revoke.ts';
import { about, requireCredential } from '../policy/access.ts';
import { authorize, who } from '../policy/policy.ts';

/** Revokes the grant at the service where it can be, then deletes the credential, and says what happened. */
export async function deleteCredential(
  broker: Broker,
  principal: Principal,
  input: { credentialId: string },
): Promise<{ credentialId: string; deleted: true; revocation: Revocation }> {
  const asked = { field: 'credentialId', action: 'credential.delete' } as const;
  const seen = await requireCredential(broker, principal, input.credentialId, asked);
  await authorize(broker, principal, 'credential.delete', about(seen));
  // Waits for a refresh under way, so that what gets revoked is the newest grant.
  return holdingGrant(broker, seen.id, async () => {
    const credential = await requireCredential(broker, principal, seen.id, asked);
    const revocation = await revokeGrant(broker, credential);
    if (revocation === 'failed') {
      await broker.vault.audit({
        ...who(principal),
        action: 'credential.revoke',
        ...about(credential),
        outcome: 'failed',
      });
    }
    await removeRecord(broker, principal, credential);
    await forgetRequests(broker, principal, credential.id);
    broker.unsaved.delete(credential.id);
    broker.coolDowns.delete(credential.id);
    return { credentialId: credential.id, deleted: true, revocation };
  });
}

/** Never throws: a service that is gone must not keep a person from deleting. */
async function revokeGrant(broker: Broker, credential: Credential): Promise<Revocation> {
  try {
    const secret = unsavedFor(broker, credential) ?? (await broker.vault.open('credential', credential));
    if (secret.kind !== 'tokens') return 'not_supported';
    return await revoke(await oauthContext(broker, credential, secret.serverHosts), secret);
  } catch {
    broker.log.warn('credential.revocation_failed', {
      credentialId: credential.id,
      connectorId: credential.connectorId,
    });
    return 'failed';
  }
}

/** Deletes whatever version is there: a rename in between must not leave a revoked grant behind as a credential. */
async function removeRecord(broker: Broker, principal: Principal, seen: Credential): Promise<void> {
  for (let record: Credential | undefined = seen; record; ) {
    try {
      const kept = await broker.vault.get('replacedSecret', principal, seen.id);
      await broker.vault.commit([
        { op: 'delete', kind: 'credential', record },
        ...(kept ? [{ op: 'delete', kind: 'replacedSecret', record: kept } as const] : []),
      ]);
      return;
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
      record = await broker.vault.get('credential', principal, seen.id);
    }
  }
}
