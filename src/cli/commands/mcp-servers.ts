/** `keyward mcp` without a word: the connections that are MCP servers, and what starts each. */
import { localPrincipal } from '../../principal.ts';
import { launchOf, serverLines, thisProcess } from '../clients/texts.ts';
import type { Run } from '../command.ts';
import { mcpServersOf } from '../mcp-servers.ts';
import { count, printJson, table } from '../terminal/table.ts';
import { withConnections } from '../with-store.ts';

export const list: Run = (invocation) =>
  withConnections(invocation, 'keyward mcp', async (broker) => {
    const self = thisProcess(invocation.options);
    const servers = await mcpServersOf(broker, localPrincipal);
    if (invocation.flags.has('json')) {
      printJson({ servers: servers.map((one) => ({ ...one, start: launchOf(self, ['mcp', one.credentialId]) })) });
      return 0;
    }
    if (servers.length > 0) {
      const rows = servers.map(({ name, connectorId, account, status, credentialId }) => [
        name,
        connectorId,
        account ?? '',
        status === 'active' ? 'connected' : 'connect again',
        credentialId,
      ]);
      process.stdout.write(table([['name', 'connector', 'account', 'state', 'id'], ...rows]));
      const lines = serverLines(self, servers);
      process.stdout.write(`\nA client starts them with these lines:\n\n${lines.join('\n')}\n`);
    }
    process.stderr.write(`${count(servers.length, 'MCP server')} connected. ${next(servers.length)}\n`);
    return 0;
  });

function next(servers: number): string {
  return servers === 0
    ? 'keyward connect mcp-server connects one.'
    : 'keyward setup --mcp <connection> writes one into the files of your clients.';
}
