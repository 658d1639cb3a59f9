/**
 * Connections that may live on one grant. A server may end the whole grant when one of its tokens is revoked (RFC 7009
 * §2.1): some keep one for each person and OAuth client, however often that person connected.
 */
import { serverHosts } from '../../connectors/server-hosts.ts';
import { hasCode } from '../../errors.ts';
import type { Credential, Page } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { pagesOf } from '../input/paging.ts';
import { findAuth, oauthContext, ownerOf } from './oauth-context.ts';
import { fresh } from './refresh.ts';

/** How many siblings are looked after. */
const maxSiblings = 20;

/**
 * The connections of the same owner that could die with this one: they work, they were made with the same OAuth client
 * at the same server, and nothing says that they belong to another account.
 */
export async function siblingsOf(broker: Broker, credential: Credential): Promise<Credential[]> {
  if (credential.authenticationType !== 'oauth2') return [];
  const server = await grantServer(broker, credential);
  const found: Credential[] = [];
  const active = (page: Page) => broker.vault.list('credential', ownerOf(credential), { status: 'active' }, page);
  for await (const rows of pagesOf(active)) {
    for (const row of rows) {
      const near = row.id !== credential.id && row.authenticationType === 'oauth2' && !isOther(row, credential);
      if (near && (await grantServer(broker, row)).some((one) => server.includes(one))) found.push(row);
      if (found.length === maxSiblings) return found;
    }
  }
  return found;
}

/** True where both are known to be of one account: an address is nobody else's, and the title of a project or a channel may be. */
export function isSameAccount({ account }: Credential, other: Credential): boolean {
  return account === other.account && (account?.includes('@') ?? false);
}

/** True where the service is known to end every connection of a person and client by one revocation. */
export function endsWholeGrant(broker: Broker, credential: Credential): boolean {
  const auth = findAuth(broker, credential);
  return auth?.authenticationType === 'oauth2' && auth.revocation.ends === 'grant';
}

/** Those that ended with a grant that was revoked: each renews its token, which says so and leaves the reason on it. */
export async function endedWith(broker: Broker, siblings: readonly Credential[]): Promise<Credential[]> {
  const ended: Credential[] = [];
  for (const sibling of siblings) {
    try {
      const secret = await broker.vault.open('credential', sibling);
      if (secret.kind === 'tokens' && secret.refreshToken !== null) await fresh(broker, sibling, { force: true });
    } catch (error) {
      if (hasCode(error, 'reconnect_required')) ended.push(sibling);
    }
  }
  return ended;
}

/** What one service calls an account, such as the name of a project, says nothing beside what another calls it; an address does. */
function isOther({ account, connectorId }: Credential, { account: mine, connectorId: here }: Credential): boolean {
  if (account === null || mine === null || account === mine) return false;
  return connectorId === here || (account.includes('@') && mine.includes('@'));
}

/** The client and each host of the server that gave the grant, as one text; none where the client is gone. */
async function grantServer(broker: Broker, credential: Credential): Promise<string[]> {
  const auth = findAuth(broker, credential);
  const context = auth && (await oauthContext(broker, credential).catch(() => null));
  if (!context) return [];
  return serverHosts(context.auth, context.values).map((host) => JSON.stringify([context.client.clientId, host]));
}
