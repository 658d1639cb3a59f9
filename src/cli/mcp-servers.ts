/** Connections that are MCP servers, which `keyward mcp` serves. */
import type { Broker } from '../broker/broker.ts';
import type { ConnectionView } from '../broker/credentials/view.ts';
import { findAuth } from '../broker/grants/oauth-context.ts';
import type { Principal } from '../principal.ts';
import { allConnections } from './connection-name.ts';

/** True where the definition says that the service speaks MCP. */
export function isMcpServer(broker: Broker, connection: ConnectionView): boolean {
  return findAuth(broker, connection)?.api.protocol === 'mcp';
}

/** Those that the principal may use. */
export async function mcpServersOf(broker: Broker, principal: Principal): Promise<ConnectionView[]> {
  const all = await allConnections(broker, principal);
  return all.filter((one) => one.access !== 'view' && isMcpServer(broker, one));
}
