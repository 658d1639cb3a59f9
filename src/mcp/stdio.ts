/** MCP over stdio: one client, the person at this computer. */
// First: it holds for the schemas that the SDK makes when it is loaded.
import './no-eval.ts';

import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Broker } from '../broker/broker.ts';
import { localPrincipal } from '../principal.ts';
import { mcpServerFactory, noteError } from './server.ts';
import { takeStdout } from './stdout.ts';

type StdioSession = {
  /** Resolves when the client has gone: stdin ended, or stdout can't be written any more. */
  readonly closed: Promise<void>;
  /** Ends the session from this side; requests under way are aborted. */
  close(): Promise<void>;
};

/** Serves MCP on stdin and stdout; from now on nothing else in this process writes on stdout. */
export function runStdio(broker: Broker, version: string): StdioSession {
  const transport = new StdioServerTransport(process.stdin, takeStdout(broker.log));
  const factory = mcpServerFactory({ version, caller: () => ({ broker, principal: localPrincipal }) });
  const session = serveStdio(factory, { transport, onerror: (error) => noteError(broker, error) });
  const closed = new Promise<void>((resolve) => {
    // serveStdio has taken the callback to end its own side; there is no other sign that the client has gone.
    const ended = transport.onclose;
    transport.onclose = () => {
      ended?.();
      resolve();
    };
  });
  return { closed, close: () => session.close() };
}
