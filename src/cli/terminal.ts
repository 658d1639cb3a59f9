/** The terminal that a person sits at, whatever stdin and stdout of this process are. */
import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { read } from 'read';

export type Terminal = {
  say(text: string): void;
  /** Asks for one line. `cancelled` never: Ctrl-C ends the process. */
  ask(prompt: string): Promise<string>;
  close(): void;
};

/**
 * The controlling terminal; null where there is none. A program that starts Keyward decides what its stdin says, so a yes
 * is never read from there.
 */
export function openTerminal(): Terminal | null {
  const [input, output] = process.platform === 'win32' ? ['\\\\.\\CONIN$', '\\\\.\\CONOUT$'] : ['/dev/tty', '/dev/tty'];
  let streams: { readonly input: ReadStream; readonly output: WriteStream };
  try {
    streams = { input: new ReadStream(openSync(input, 'r+')), output: new WriteStream(openSync(output, 'r+')) };
  } catch {
    return null;
  }
  return {
    say: (text) => void streams.output.write(text),
    ask: (prompt) => read({ prompt, ...streams }),
    close: () => {
      streams.input.destroy();
      streams.output.destroy();
    },
  };
}
