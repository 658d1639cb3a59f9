/** MCP over stdio: one client, the person at this computer. */
// First: it holds for the schemas that the SDK makes when it is loaded.
import './no-eval.ts';

import { Writable } from 'node:stream';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Broker } from '../broker/broker.ts';
import type { Log } from '../log.ts';
import { localPrincipal } from '../principal.ts';
import { mcpServerFactory, noteError } from './server.ts';

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

/** Set once MCP has taken stdout, which carries JSON-RPC and nothing else: one stray line of a library ends the session. */
let taken: Writable | undefined;

/**
 * Takes stdout for MCP: answers the stream that still reaches it, and from now on drops whatever anything else writes
 * there. What was dropped is noted by its size only, since it may quote a secret. Call it as early as possible; every
 * call answers the same stream.
 */
export function takeStdout(log: Log): Writable {
  taken ??= take(log);
  return taken;
}

function take(log: Log): Writable {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    log.warn('stdout.write_dropped', { bytes: Buffer.byteLength(chunk) });
    const callback = typeof encoding === 'function' ? encoding : done;
    if (typeof callback === 'function') process.nextTick(callback);
    return true;
  };
  const output = new Writable({
    decodeStrings: false,
    write: (chunk: string | Buffer, _encoding, done) => void write(chunk, done),
  });
  // The write callback reports a closed pipe already; without a listener the same error would end the process.
  stdout.on('error', () => {});
  // The SDK adds a listener for each answer that waits for a slow reader.
  output.setMaxListeners(0);
  return output;
}
