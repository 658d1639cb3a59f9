/** `keyward auth-config …`: the OAuth clients that a person registered at services. */

import type { Broker } from '../../broker/broker.ts';
import {
  addAuthConfig,
  defaultAuthConfigId,
  listAuthConfigs,
  removeAuthConfig,
} from '../../broker/grants/auth-configs.ts';
import { allOf } from '../../broker/input/paging.ts';
import { isOAuth } from '../../connectors/auth-kinds.ts';
import { isBuiltin } from '../../connectors/builtin.ts';
import type { Connector } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import type { Run } from '../command.ts';
import { askSecret } from '../terminal/ask.ts';
import { table } from '../terminal/table.ts';
import { withBroker } from '../with-store.ts';

/** Who acts, for the audit log. */
const principal = { ...localPrincipal, client: 'keyward command line' };

export const list: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const stored = await listAuthConfigs(broker, principal);
    const rows = [
      ...[...broker.settings.authConfigs].map(([connector, { clientId }]) => [
        defaultAuthConfigId,
        connector,
        clientId,
        'from the environment',
      ]),
      ...stored.map(({ id, connectorId, clientId, name }) => [id, connectorId, clientId, name]),
    ];
    process.stdout.write(
      rows.length === 0 ? 'There is no auth config yet.\n' : table([['id', 'connector', 'client id', 'name'], ...rows]),
    );
    process.stdout.write('These are used over stdio. Each user of keyward http has their own: GET /auth-configs.\n');
  });

export const add: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const [connectorId = ''] = invocation.words;
    const connector = broker.catalogue.require(connectorId);
    const clientId = invocation.flags.get('client-id');
    if (clientId === undefined) {
      throw new KeywardError('invalid_input', 'The client id is missing.', {
        hint: `Register an OAuth client at ${connector.appUrl} with the redirect URI ${broker.pages.callbackOrigin}/oauth/callback, then add --client-id with the id that ${connector.name} shows.${appSteps(connector)}`,
      });
    }
    const clientSecret = await askSecret(`Client secret of ${connector.name} (empty if it has none): `);
    const name = invocation.flags.get('name');
    const input = { connectorId, clientId, clientSecret, ...(name !== undefined && { name }) };
    const { authConfigId } = await addAuthConfig(broker, principal, input);
    process.stdout.write(`Stored as ${authConfigId}.\n`);
  });

/** What else has to be done with the app, as the connector's definition says. */
function appSteps(connector: Connector): string {
  const steps = new Set(connector.auth.filter(isOAuth).flatMap((auth) => auth.appSteps));
  if (steps.size === 0) return '';
  const whose = isBuiltin(connector.id) ? 'The app needs this, too' : 'Whoever wrote the connector’s file adds';
  return ` ${whose}: ${[...steps].join(' ')}`;
}

export const remove: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const [id = ''] = invocation.words;
    const users = await connectionsMadeWith(broker, id);
    if (users > 0 && !invocation.flags.has('force')) {
      throw new KeywardError('conflict', `${users} connections were made with this auth config.`, {
        hint: 'Without it they can not be refreshed and have to be connected again. Add --force to remove it all the same.',
      });
    }
    await removeAuthConfig(broker, principal, id);
    process.stdout.write('Removed.\n');
  });

async function connectionsMadeWith(broker: Broker, authConfigId: string): Promise<number> {
  const all = await allOf((page) => broker.vault.list('credential', principal, {}, page));
  return all.filter((credential) => credential.authConfigId === authConfigId).length;
}
