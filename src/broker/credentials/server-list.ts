/** What an MCP server was seen to have, as connections are made, verified, reconnected and taken back. */
import type { Credential, CredentialSecret, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { serverOf } from '../calls/api-request.ts';
import { connectionOf } from '../calls/connection.ts';
import type { ServerListing } from '../calls/list-server.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { mergedWhole, noneSeen } from '../mcp-servers/merge.ts';
import { forgetSeen, note, readSeen } from '../mcp-servers/seen.ts';

/**
 * Notes what Keyward listed itself; nothing where a server could not be listed. What
 * another server had is forgotten. Where its owner did not choose that one (see `movedTo`), nothing of it is seen yet.
 */
export async function noteListing(
  broker: Broker,
  credential: Credential,
  listing: ServerListing | null,
): Promise<void> {
  if (listing === null) return;
  const { server, definitions } = listing;
  await note(broker, credential, (before) =>
    mergedWhole(before.server === server || before.server === null ? before : noneSeen, definitions, server),
  );
}

/**
 * What of a credential changes with a secret, or with inputs, that takes it to another server: what its owner saw of the one
 * before says nothing about that one.
 *
 * @param next the credential as it is going to be
 */
export async function movedTo(
  broker: Broker,
  next: Credential,
  secret: CredentialSecret,
): Promise<{ readonly fields: Pick<Credential, 'seenTools'>; readonly changes: readonly VaultChange[] }> {
  const seen = await readSeen(broker, next);
  if (seen === null) return { fields: {}, changes: [] };
  const connector = broker.catalogue.require(next.connectorId);
  const auth = requireAuth(connector, next.authenticationType);
  const server = serverOf(await connectionOf(broker, connector, auth, { credential: next, secret })).href;
  if (seen.server === server) return { fields: {}, changes: [] };
  return { fields: { seenTools: null }, changes: await forgetSeen(broker, next) };
}
