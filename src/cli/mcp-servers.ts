/** Connections that are MCP servers, which `keyward mcp` serves. */
import type { Broker } from '../broker/broker.ts';
import type { ConnectionView } from '../broker/credentials/view.ts';
import { findAuth } from '../broker/grants/oauth-context.ts';
import { KeywardError } from '../errors.ts';
import type { Principal } from '../principal.ts';
import { allConnections } from './connection-name.ts';

/** True where the definition says that the service speaks MCP. */
export function isMcpServer(
  broker: Pick<Broker, 'catalogue'>,
  connection: Pick<ConnectionView, 'connectorId' | 'authenticationType'>,
): boolean {
  return findAuth(broker, connection)?.api.protocol === 'mcp';
}

/** @throws KeywardError `invalid_input` for a connection of any other service */
export function requireMcpServer(broker: Pick<Broker, 'catalogue'>, connection: ConnectionView): void {
  if (isMcpServer(broker, connection)) return;
  throw new KeywardError('invalid_input', `The connection ${connection.name} is no MCP server.`, {
    hint: 'keyward mcp lists those that are; keyward call calls any other service.',
  });
}

/** Those that the principal may use. */
export async function mcpServersOf(broker: Broker, principal: Principal): Promise<ConnectionView[]> {
  const all = await allConnections(broker, principal);
  return all.filter((one) => one.access !== 'view' && isMcpServer(broker, one));
}
