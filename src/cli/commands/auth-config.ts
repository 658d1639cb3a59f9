/** `keyward auth-config …`: the OAuth clients that a person registered at services. */

import type { Broker } from '../../broker/broker.ts';
import {
  addAuthConfig,
  defaultAuthConfigId,
  listAuthConfigs,
  removeAuthConfig,
} from '../../broker/grants/auth-configs.ts';
import { readServer } from '../../broker/grants/named-server.ts';
import { usesOfClients } from '../../broker/grants/own-clients.ts';
import { redirectUriFor } from '../../broker/grants/redirect-uri.ts';
import { clientsAt, isOAuth, namedServer, serverInputName } from '../../connectors/auth-kinds.ts';
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
      ...[
        ...broker.settings.authConfigs,
        ...[...broker.settings.familyClients].map(([family, client]) => [`all of ${family}`, client] as const),
      ].map(([connector, { clientId }]) => [defaultAuthConfigId, connector, clientId, 'from the environment']),
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
    const { flags } = invocation;
    const [clientId, name, server] = [flags.get('client-id'), flags.get('name'), flags.get('server')];
    // Nobody is asked for a secret before the server is one that a client can be stored for.
    const where = serverOf(broker, connector, server);
    if (clientId === undefined) throw missingId(broker, connector, where);
    const clientSecret = await askSecret(`Client secret of ${connector.name} (empty if it has none): `);
    const named = { ...(name !== undefined && { name }), ...(server !== undefined && { server }) };
    const input = { connectorId, clientId, clientSecret, ...named };
    const { authConfigId } = await addAuthConfig(broker, principal, input);
    process.stdout.write(`Stored as ${authConfigId}.\n`);
  });

function serverOf(broker: Broker, connector: Connector, server: string | undefined) {
  const field = connector.auth.map(serverInputName).find((name) => name !== null);
  if (server !== undefined || typeof field !== 'string') return readServer(broker, connector, server);
  throw new KeywardError('invalid_input', `An OAuth client for ${connector.name} belongs to one server.`, {
    hint: `Add --server with the ${field} that the connections will have, such as https://id.example.`,
  });
}

function missingId({ pages }: Broker, connector: Connector, { auth, inputs }: ReturnType<typeof readServer>) {
  const method = auth ?? connector.auth.find(({ authenticationType }) => authenticationType === 'oauth2');
  const where = method === undefined ? connector.appUrl : clientsAt(connector, method, inputs);
  const { callbackOrigin } = pages;
  const redirectUri =
    method === undefined
      ? `${callbackOrigin}/oauth/callback`
      : redirectUriFor(callbackOrigin, connector, method, namedServer(method, inputs));
  return new KeywardError('invalid_input', 'The client id is missing.', {
    hint: `Register an OAuth client at ${where} with the redirect URI ${redirectUri}, then add --client-id with the id that ${connector.name} shows.${appSteps(connector)}`,
  });
}

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
    const users = (await usesOfClients(broker, principal)).get(id) ?? 0;
    if (users > 0 && !invocation.flags.has('force')) {
      throw new KeywardError('conflict', `${users} connections were made with this auth config.`, {
        hint: 'Without it they can not be refreshed and have to be connected again. Add --force to remove it all the same.',
      });
    }
    await removeAuthConfig(broker, principal, id);
    process.stdout.write('Removed.\n');
  });
