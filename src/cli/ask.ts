/** Asking a person for a secret. It is never an argument: those can be read by every user of the computer. */
import { text } from 'node:stream/consumers';
import { read } from 'read';

/** What is typed, unseen; without a terminal, all of stdin. White space around it is no part of it. */
export async function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  const given = stdin.isTTY ? await read({ prompt: question, silent: true, output: stderr }) : await text(stdin);
  return given.trim();
}
