import { isOAuth } from '../../connectors/auth-kinds.ts';
import type { AuthMethod } from '../../connectors/definition/definition.ts';
import { variablesIn } from '../../connectors/template.ts';
import type { Broker, Opened } from '../broker.ts';
import { oauthContext } from '../grants/oauth-context.ts';

/**
 * The connection with the id of its OAuth client among the values, where the definition puts that into calls, as Twitch
 * wants it.
 *
 * @throws KeywardError `not_found` when the client is gone
 */
export async function withClientId(broker: Broker, opened: Opened, auth: AuthMethod): Promise<Opened> {
  const { credential, secret } = opened;
  if (secret.kind !== 'tokens' || !isOAuth(auth) || !namesClient(auth)) return opened;
  const { clientId } = (await oauthContext(broker, credential)).client;
  return { credential, secret: { ...secret, kept: { ...secret.kept, clientId } } };
}

function namesClient(auth: AuthMethod): boolean {
  const { api, inject } = auth;
  const known = naming.get(auth);
  if (known !== undefined) return known;
  const injected = inject.flatMap((rule) => (rule.in === 'basic' ? [rule.username, rule.password] : [rule.value]));
  const names = [...Object.values(api.headers), ...injected].some((one) => variablesIn(one).includes('clientId'));
  naming.set(auth, names);
  return names;
}

/** Definitions do not change, and every call asks. */
const naming = new WeakMap<AuthMethod, boolean>();
