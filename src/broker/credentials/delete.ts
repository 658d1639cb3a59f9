/** Deleting a credential, and giving its grant back. */

import { isOAuth } from '../../connectors/auth-kinds.ts';
import { namedHosts } from '../../connectors/named-hosts.ts';
import { hasCode } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential, CredentialSecret } from '../../vault/vault.ts';
import { forgetRequests, requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { asksFirst } from '../calls/policy.ts';
import { holdingGrant } from '../grants/amend.ts';
import { unsavedFor } from '../grants/fresh-tokens.ts';
import { findAuth, oauthContext } from '../grants/oauth-context.ts';
import { endedWith, endsWholeGrant, isSameAccount, siblingsOf } from '../grants/siblings.ts';
import { quoted } from '../input/text.ts';
import { forgetSeen } from '../mcp-servers/seen.ts';
import { type Revocation, revoke } from '../oauth/revoke.ts';
import { about, requireCredential } from '../policy/access.ts';
import { authorize, who } from '../policy/policy.ts';

/** What became of a credential that was deleted. */
type Deletion = {
  readonly credentialId: string;
  readonly deleted: true;
  /** At the service; `kept` where another connection lives on the same grant. */
  readonly revocation: Revocation | 'kept';
  /** What that means for the person. */
  readonly detail?: string;
};

/**
 * Revokes the grant at the service where it can be, then deletes the credential, and says what happened. No other
 * connection is found dead later: its grant is kept, or it is told with the deletion that it ended, too. Where something that
 * is done with it is asked first, so is its end.
 *
 * @param options `confirmedByOwner`: the owner was asked on a page of their own, just now
 */
export async function deleteCredential(
  broker: Broker,
  principal: Principal,
  input: { credentialId: string },
  options: { readonly confirmedByOwner?: boolean } = {},
): Promise<Deletion> {
  const asked = { field: 'credentialId', action: 'credential.delete' } as const;
  const seen = await requireCredential(broker, principal, input.credentialId, asked);
  if (asksFirst(seen.policy) && !options.confirmedByOwner) {
    await requireApproval(broker, principal, { credential: seen, action: asked.action, act: 'delete' });
  }
  await authorize(broker, principal, 'credential.delete', about(seen));
  // Waits for a refresh under way, so that what gets revoked is the newest grant.
  const { siblings, revocation } = await holdingGrant(broker, seen.id, async () => {
    const credential = await requireCredential(broker, principal, seen.id, asked);
    const opened = await broker.vault.open('credential', credential).catch(() => null);
    const secret = unsavedFor(broker, credential) ?? opened;
    const end = () => revokeGrant(broker, principal, credential, secret);
    const siblings = await siblingsOf(broker, credential);
    const keeps = siblings.length > 0 && endsWholeGrant(broker, credential);
    let revocation: Deletion['revocation'] = keeps ? 'kept' : await end();
    await removeRecord(broker, principal, credential);
    // Both may be deleted at once, and each would leave the grant to the other.
    if (keeps && (await siblingsOf(broker, credential)).length === 0) revocation = await end();
    await forgetRequests(broker, principal, credential.id);
    broker.unsaved.delete(credential.id);
    broker.coolDowns.delete(credential.id);
    return { siblings, revocation };
  });
  // Not while the grant is held: two that are deleted at once would wait for each other.
  const ended = revocation === 'revoked' ? await endedWith(broker, siblings) : [];
  const detail = detailOf(broker, seen, revocation, revocation === 'kept' ? siblings : ended);
  return { credentialId: seen.id, deleted: true, revocation, ...(detail !== null && { detail }) };
}

/** The receipt as a person reads it: what became of it, and what is left for them to do. */
export function deletionInWords({ revocation, detail = '' }: Deletion): string {
  return `${became[revocation]} ${detail}`.trim();
}

const became = {
  revoked: 'Deleted, and the service ended its access.',
  kept: 'Deleted.',
  not_supported: 'Deleted from Keyward.',
  failed: 'Deleted from Keyward. The service could not be told.',
} as const satisfies Record<Deletion['revocation'], string>;

function detailOf(
  broker: Broker,
  credential: Credential,
  revocation: Deletion['revocation'],
  others: readonly Credential[],
): string | null {
  if (revocation === 'kept') return whyKept(broker, credential, others);
  const names = namesOf(others);
  if (revocation !== 'revoked') return whereToRemove(broker, credential);
  return names === ''
    ? null
    : `The service ended ${names} with it: they have to be connected again, each with its credentialId.`;
}

function whyKept(broker: Broker, credential: Credential, others: readonly Credential[]): string {
  const same = others.filter((other) => isSameAccount(other, credential));
  if (same.length > 0)
    return `The access at the service was kept, because the same grant keeps ${namesOf(same)} working. It is revoked when the last such connection is deleted.`;
  return `The access at the service was kept, because it may share a grant with ${namesOf(others)}, which a revocation would end, too. If they are of one account, it is revoked when the last of them is deleted. If not, it stays. ${whereToRemove(broker, credential)}`;
}

function namesOf(credentials: readonly Credential[]): string {
  return credentials.map(({ name }) => quoted(name)).join(', ');
}

/** What is left for the person: Keyward has forgotten the secret, and the service has not. */
export function whereToRemove(broker: Broker, credential: Credential): string {
  const { connectorId, hosts, inputs } = credential;
  const connector = broker.catalogue.get(connectorId);
  const auth = findAuth(broker, credential);
  // The name of a connector for any service says nothing about this one; its hosts do.
  const any = connector !== undefined && auth !== undefined && namedHosts(connector, auth, inputs).size > 0;
  const name = any ? hosts.join(', ') : (connector?.name ?? connectorId);
  if (auth === undefined || isOAuth(auth))
    return `The access still works at the service. The person ends it there: in the settings of their account at ${name}, among the apps that have access.`;
  const place = auth.keyUrl === null ? `in the settings of ${name}` : `at ${auth.keyUrl}`;
  return `What was entered still works at the service. The person ends it there, ${place}, if nothing else uses it.`;
}

/** Never throws: a service that is gone must not keep a person from deleting. */
export async function revokeGrant(
  broker: Broker,
  principal: Principal,
  credential: Credential,
  secret: CredentialSecret | null,
): Promise<Revocation> {
  if (secret?.kind === 'inputs') return 'not_supported';
  try {
    const revocation = secret && (await revoke(await oauthContext(broker, credential, secret.serverHosts), secret));
    if (revocation !== null && revocation !== 'failed') return revocation;
  } catch {
    const { id: credentialId, connectorId } = credential;
    broker.log.warn('credential.revocation_failed', { credentialId, connectorId });
  }
  const action = 'credential.revoke';
  await broker.vault.audit({ ...who(principal), action, ...about(credential), outcome: 'failed' });
  return 'failed';
}

/** Deletes whatever version is there: a rename in between must not leave a revoked grant behind as a credential. */
export async function removeRecord(broker: Broker, principal: Principal, seen: Credential): Promise<void> {
  for (let record: Credential | undefined = seen; record; ) {
    try {
      const kept = await broker.vault.get('replacedSecret', principal, seen.id);
      await broker.vault.commit([
        { op: 'delete', kind: 'credential', record },
        ...(kept ? [{ op: 'delete', kind: 'replacedSecret', record: kept } as const] : []),
        ...(await forgetSeen(broker, record)),
      ]);
      return;
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
      record = await broker.vault.get('credential', principal, seen.id);
    }
  }
}
