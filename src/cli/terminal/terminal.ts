/** The terminal that a person sits at, whatever stdin and stdout of this process are. */
import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { read } from 'read';
import { KeywardError } from '../../errors.ts';
import { plain } from './table.ts';

export type Terminal = {
  /** For a library that asks in its own way. */
  readonly streams: { readonly input: ReadStream; readonly output: WriteStream };
  say(text: string): void;
  /** Asks for one line. `cancelled` never: Ctrl-C ends the process. */
  ask(prompt: string): Promise<string>;
  /** The same for what must not be seen on the screen. */
  askSecret(prompt: string): Promise<string>;
  close(): void;
};

/**
 * The controlling terminal; null where there is none. A program that starts Keyward decides what its stdin says, so a yes
 * is never read from there.
 */
export function openTerminal(): Terminal | null {
  const [input, output] = process.platform === 'win32' ? ['\\\\.\\CONIN$', '\\\\.\\CONOUT$'] : ['/dev/tty', '/dev/tty'];
  let streams: Terminal['streams'];
  try {
    streams = { input: new ReadStream(openSync(input, 'r+')), output: new WriteStream(openSync(output, 'r+')) };
  } catch {
    return null;
  }
  return {
    streams,
    say: (text) => void streams.output.write(text),
    ask: (prompt) => read({ prompt, ...streams }),
    askSecret: async (prompt) => {
      const typed = await read({ prompt, silent: true, ...streams });
      streams.output.write('\n');
      return typed;
    },
    close: () => {
      streams.input.destroy();
      streams.output.destroy();
    },
  };
}

/**
 * Asks for a yes to something that can't be taken back.
 *
 * @throws KeywardError `cancelled` for anything but a yes, and where nobody can be asked
 */
export async function confirmAct(question: string): Promise<void> {
  const terminal = openTerminal();
  if (terminal === null) {
    throw new KeywardError('cancelled', 'There is no terminal to ask at, so nothing was done.', {
      hint: 'Run the command in a terminal, or add --yes.',
    });
  }
  const answer = await terminal.ask(`${plain(question)} [y/N] `).finally(() => terminal.close());
  if (!/^y(es)?$/i.test(answer.trim())) throw new KeywardError('cancelled', 'Nothing was done.');
}
