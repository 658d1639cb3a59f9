/** Asking a person for a secret. It is never an argument: those can be read by every user of the computer. */
import { text } from 'node:stream/consumers';
import { read } from 'read';
import { KeywardError } from '../../errors.ts';

/** What is typed, unseen; without a terminal, all of stdin. White space around it is no part of it. */
export async function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  const given = stdin.isTTY
    ? await read({ prompt: question, silent: true, output: stderr }).catch(stopped)
    : await text(stdin);
  return given.trim();
}

/** Ctrl-C, or the end of what is typed. */
function stopped(): never {
  process.stderr.write('\n');
  throw new KeywardError('cancelled', 'You stopped before it was complete; nothing was changed.');
}

/** A passphrase that opens something from now on. At a terminal it is asked for twice: a slip would lock that for good. */
export async function askNewPassphrase(): Promise<string> {
  const passphrase = await askSecret('New passphrase: ');
  if (process.stdin.isTTY && (await askSecret('The same again: ')) !== passphrase) {
    throw new KeywardError('invalid_input', 'The two passphrases differ; nothing was changed.');
  }
  return passphrase;
}
