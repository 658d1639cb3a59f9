/** The terminal that a person sits at, whatever stdin and stdout of this process are. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { read } from 'read';
import { KeywardError } from '../../errors.ts';
import { plain } from './table.ts';

type TerminalStreams = { readonly input: ReadStream; readonly output: WriteStream };

export type Terminal = {
  /** Lends the terminal to a library that asks in its own way. */
  lend<T>(ask: (streams: TerminalStreams) => Promise<T>): Promise<T>;
  say(text: string): void;
  /** Asks for one line. `cancelled` never: Ctrl-C ends the process. */
  ask(prompt: string): Promise<string>;
  /** The same for what must not be seen on the screen. */
  askSecret(prompt: string): Promise<string>;
};

/**
 * The controlling terminal; null where there is none. A program that starts Keyward decides what its stdin says, so a yes
 * is never read from there.
 *
 * It is open for one question at a time: a stream that waits after its question takes what a person types for the next one.
 */
export function findTerminal(): Terminal | null {
  const [input, output] = process.platform === 'win32' ? ['\\\\.\\CONIN$', '\\\\.\\CONOUT$'] : ['/dev/tty', '/dev/tty'];
  const lend: Terminal['lend'] = async (ask) => {
    const streams = { input: new ReadStream(openSync(input, 'r+')), output: new WriteStream(openSync(output, 'r+')) };
    try {
      return await ask(streams);
    } finally {
      streams.input.destroy();
      streams.output.destroy();
    }
  };
  const write = (text: string) => {
    const file = openSync(output, 'r+');
    try {
      writeSync(file, text);
    } finally {
      closeSync(file);
    }
  };
  try {
    write('');
  } catch {
    return null;
  }
  return {
    lend,
    say: write,
    ask: (prompt) => lend((streams) => read({ prompt, ...streams })),
    askSecret: (prompt) =>
      lend(async (streams) => {
        const typed = await read({ prompt, silent: true, ...streams });
        streams.output.write('\n');
        return typed;
      }),
  };
}

/**
 * Asks for a yes to something that can't be taken back.
 *
 * @throws KeywardError `cancelled` for anything but a yes, and where nobody can be asked
 */
export async function confirmAct(question: string): Promise<void> {
  const terminal = findTerminal();
  if (terminal === null) {
    throw new KeywardError('cancelled', 'There is no terminal to ask at, so nothing was done.', {
      hint: 'Run the command in a terminal, or add --yes.',
    });
  }
  const answer = await terminal.ask(`${plain(question)} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new KeywardError('cancelled', 'Nothing was done.');
}
