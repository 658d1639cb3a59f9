/** `keyward mcp`: the MCP server of a connection, for clients that only start programs. */
import { takeStdout } from '../../mcp/stdout.ts';
import { localPrincipal, type Principal } from '../../principal.ts';
import { oneLine } from '../../text.ts';
import { version } from '../../version.ts';
import { createBridge } from '../bridge/bridge.ts';
import { remoteServer } from '../bridge/remote.ts';
import { linesOf, lineWriter } from '../bridge/stdio.ts';
import type { Invocation, Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { stopSignal } from '../keyward.ts';
import { requireMcpServer } from '../mcp-servers.ts';
import { withConnections } from '../with-store.ts';

/** What is still under way at the end gets this long. */
const closeWithinMs = 5_000;

/** Serves one connection, or lists those that can be served. */
export const mcp: Run = async (invocation) =>
  invocation.words.length === 0 ? (await import('./mcp-servers.ts')).list(invocation) : serve(invocation);

function serve(invocation: Invocation): Promise<number> {
  const { log } = invocation;
  const output = takeStdout(log);
  return withConnections(invocation, 'keyward mcp', async (broker) => {
    const connection = await findConnection(broker, localPrincipal, invocation.words[0] ?? '');
    requireMcpServer(broker, connection);
    let principal: Principal = localPrincipal;
    const bridge = createBridge({
      remote: remoteServer(broker, () => principal, connection.credentialId),
      write: lineWriter(output),
      introduce: (name) => {
        const client = oneLine(name, 64);
        if (client !== null) principal = { ...localPrincipal, client };
      },
      log,
    });
    log.info('serving', { transport: 'stdio', version, vault: broker.vault.location });
    const gone = new Promise<string>((resolve) => output.once('error', () => resolve('client gone')));
    const ended = receiveAll(bridge.receive);
    const reason = await Promise.race([ended, gone, stopSignal()]);
    log.info('stopping', { reason });
    setTimeout(() => process.exit(1), closeWithinMs).unref();
    await bridge.close();
    process.stdin.destroy();
    return 0;
  });
}

/** Takes what the client says until it has gone. */
async function receiveAll(receive: (line: string | null) => void): Promise<string> {
  try {
    for await (const line of linesOf(process.stdin)) receive(line);
  } catch {
    // Its pipe broke.
  }
  return 'client gone';
}
