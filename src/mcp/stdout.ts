/** Stdout while MCP is spoken on it. */
import { Writable } from 'node:stream';
import type { Log } from '../log.ts';

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
