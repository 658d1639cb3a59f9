/** Listing, reading, renaming and deleting credentials. */
import { hasCode, KeywardError } from '../errors.ts';
import type { Principal } from '../principal.ts';
import type { Credential, CredentialStatus } from '../vault/vault.ts';
import type { Broker } from './broker.ts';
import { type Revocation, revoke } from './oauth/revoke.ts';
import { oauthContext } from './oauth-context.ts';
import { decodeCursor, defaultLimit, encodeCursor } from './paging.ts';
import { actingFor, authorize, who } from './policy.ts';
import { amend, holdingGrant, unsavedFor } from './rotate.ts';
import { readId, readName } from './text.ts';
import { type ConnectionView, viewOf } from './view.ts';

export type ListCredentialsInput = {
  connectorId?: string | undefined;
  userId?: string | undefined;
  status?: CredentialStatus | undefined;
  cursor?: string | undefined;
  /** 1 to 100, default 20. */
  limit?: number | undefined;
};

/** The caller's credentials, oldest first. */
export async function listCredentials(
  broker: Broker,
  principal: Principal,
  input: ListCredentialsInput,
): Promise<{ credentials: ConnectionView[]; nextCursor?: string }> {
  const owner = await actingFor(broker, principal, input.userId);
  await authorize(broker, owner, 'credential.read');
  if (input.connectorId !== undefined) await mustBeKnown(broker, owner, input.connectorId);
  const limit = input.limit ?? defaultLimit;
  const [createdAt, id] = input.cursor === undefined ? [] : decodeCursor(input.cursor, [0, ''] as [number, string]);
  const filter = {
    ...(input.connectorId === undefined ? {} : { connectorId: input.connectorId }),
    ...(input.status === undefined ? {} : { status: input.status }),
  };
  // One row more than asked for tells whether there is a next page.
  const page = {
    limit: limit + 1,
    ...(createdAt === undefined || id === undefined ? {} : { after: { createdAt, id } }),
  };
  const rows = await broker.vault.list('credential', owner, filter, page);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const credentials = shown.map(viewOf);
  return rows.length > limit && last
    ? { credentials, nextCursor: encodeCursor([last.createdAt, last.id]) }
    : { credentials };
}

/** A misspelt connector is an error, except where credentials of a removed connector file still exist. */
async function mustBeKnown(broker: Broker, owner: Principal, connectorId: string): Promise<void> {
  if (broker.catalogue.get(connectorId)) return;
  const held = await broker.vault.list('credential', owner, { connectorId }, { limit: 1 });
  if (held.length === 0) broker.catalogue.require(connectorId);
}

/** The metadata of one connection. */
export async function getConnection(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<ConnectionView> {
  await authorize(broker, principal, 'credential.read');
  return viewOf(await requireCredential(broker, principal, input.connectionId, 'connectionId'));
}

/** Renames a credential. */
export async function updateCredential(
  broker: Broker,
  principal: Principal,
  input: { credentialId: string; name?: string | undefined },
): Promise<ConnectionView> {
  const credential = await requireCredential(broker, principal, input.credentialId, 'credentialId');
  if (input.name === undefined) {
    throw new KeywardError('invalid_input', 'There is nothing to change.', {
      hint: 'Pass name.',
      details: { fields: { name: 'is missing' } },
    });
  }
  const name = readName(input.name);
  await authorize(broker, principal, 'credential.update', about(credential));
  await amend(broker, credential, (record) => ({ record: { ...record, name } }));
  return viewOf(await requireCredential(broker, principal, credential.id, 'credentialId'));
}

/** Revokes the grant at the service where it can be, then deletes the credential, and says what happened. */
export async function deleteCredential(
  broker: Broker,
  principal: Principal,
  input: { credentialId: string },
): Promise<{ credentialId: string; deleted: true; revocation: Revocation }> {
  const seen = await requireCredential(broker, principal, input.credentialId, 'credentialId');
  await authorize(broker, principal, 'credential.delete', about(seen));
  // Waits for a refresh under way, so that what gets revoked is the newest grant.
  return holdingGrant(broker, seen.id, async () => {
    const credential = await requireCredential(broker, principal, seen.id, 'credentialId');
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
    return await revoke(await oauthContext(broker, credential), secret);
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
      await broker.vault.commit([{ op: 'delete', kind: 'credential', record }]);
      return;
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
      record = await broker.vault.get('credential', principal, seen.id);
    }
  }
}

/** The caller's credential with this id. A stranger's id and a missing one get the same error. */
export async function requireCredential(
  broker: Broker,
  principal: Principal,
  id: string,
  field: string,
): Promise<Credential> {
  const credential = await broker.vault.get('credential', principal, readId(id, field));
  if (credential) return credential;
  throw new KeywardError('not_found', `There is no connection ${id}.`, {
    hint: 'Call list_credentials to see what there is.',
  });
}

/** What an audit event is about. */
export function about(credential: Credential): { subject: string; connectorId: string } {
  return { subject: credential.id, connectorId: credential.connectorId };
}
