/** The user name and password of a connection for git, and the hosts that they are for. */

import { fillText } from '../../connectors/template.ts';
import { hostMatches } from '../../hosts.ts';
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { getConnectionCredentials } from './release.ts';
import { fieldMeant } from './release-fields.ts';
import type { ConnectionView } from './view.ts';

/** `expiresAt` in seconds since 1970, where the password ends. */
type GitLogin = { readonly username: string; readonly password: string; readonly expiresAt: number | null };

/** What Git servers take with a token where their vendor documents no name: they look at the token alone. */
const anyName = 'x-access-token';

/**
 * True when this connection is for the host: one of those that it was made for, or that its connector names for git. The
 * latter counts of Keyward's own definitions only; a file that changed later must not lead a secret elsewhere.
 */
export function isForGit(broker: Broker, connection: ConnectionView, url: URL): boolean {
  if (connection.access !== 'owner') return false;
  const { connectorId, authenticationType, hosts } = connection;
  if (hosts.some((host) => hostMatches(url, host))) return true;
  const auth = broker.catalogue.get(connectorId)?.auth.find((one) => one.authenticationType === authenticationType);
  const own = !broker.catalogue.isCustom(connectorId) && url.port === '';
  return own && auth?.api.git?.hosts.includes(url.hostname) === true;
}

/** Releases what git logs in with. */
export async function gitLogin(broker: Broker, principal: Principal, connection: ConnectionView): Promise<GitLogin> {
  const asked = { connectionId: connection.credentialId };
  const { api, inject } = requireAuth(broker.catalogue.require(connection.connectorId), connection.authenticationType);
  const field = fieldMeant(broker, connection, null);
  const { credentials } = await getConnectionCredentials(broker, principal, asked);
  const texts = Object.entries(credentials).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const values = Object.fromEntries(texts);
  const basic = inject.find((rule) => rule.in === 'basic');
  const own = basic === undefined ? '' : fillText(basic.username, values);
  const ends = field === 'accessToken' && values.expiresAt !== undefined ? Date.parse(values.expiresAt) : Number.NaN;
  return {
    username: api.git?.username ?? (own === '' ? anyName : own),
    password: values[field] ?? '',
    expiresAt: Number.isNaN(ends) ? null : Math.floor(ends / 1_000),
  };
}
