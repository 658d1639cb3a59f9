/**
 * Secrets that somebody could guess. Whoever may call a service with such a secret could keep guesses there and read them
 * back: the one that Keyward takes out is the secret. So its owner alone may use it.
 */
import { KeywardError } from '../../errors.ts';
import type { CredentialSecret } from '../../vault/vault.ts';

/**
 * Fewer guesses than this many, as a power of ten, can be sent through a service: a file of a gigabyte holds some 10⁸, and
 * 10¹² are more than ten terabytes of answers.
 */
const enoughGuesses = 12;
/** How many characters are judged at either end: what it takes to judge them grows faster than their number. */
const judged = 24;

/** True when somebody who may try 10¹² secrets would come upon this one, as zxcvbn estimates it. */
export async function isGuessable(secret: string): Promise<boolean> {
  // It counts ten guesses for a character that nothing tells about.
  if (secret.length < enoughGuesses) return true;
  const guesses = await estimator();
  const ends =
    secret.length <= 2 * judged
      ? [secret.slice(0, judged), secret.slice(judged)]
      : [secret.slice(0, judged), secret.slice(-judged)];
  return ends.reduce((sum, part) => sum + (part === '' ? 0 : guesses(part)), 0) < enoughGuesses;
}

/**
 * Refuses a secret that somebody typed and that others could guess. Tokens are made by an authorization server, and random.
 *
 * @throws KeywardError `forbidden`
 */
export async function requireUnguessable(secret: CredentialSecret): Promise<void> {
  if (secret.kind !== 'inputs') return;
  const known = judgements.get(secret) ?? anyGuessable(Object.values(secret.inputs));
  judgements.set(secret, known);
  if (!(await known)) return;
  throw new KeywardError('forbidden', 'The password of this connection is too easy to guess for others to use it.', {
    hint: 'Its owner can set a longer, random password or key at the service and connect again with it. Sharing it to be seen only is always possible.',
  });
}

/** Of secrets that are open at the moment. */
const judgements = new WeakMap<object, Promise<boolean>>();

async function anyGuessable(secrets: readonly string[]): Promise<boolean> {
  for (const secret of secrets) if (await isGuessable(secret)) return true;
  return false;
}

let loaded: Promise<(secret: string) => number> | undefined;

/** How many guesses a text takes, as a power of ten. Loaded with the first one: its dictionaries take a while. */
function estimator(): Promise<(secret: string) => number> {
  loaded ??= load();
  return loaded;
}

async function load() {
  const { ZxcvbnFactory } = await import('@zxcvbn-ts/core');
  const { adjacencyGraphs, dictionary } = await import('@zxcvbn-ts/language-common');
  const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
  return (secret: string) => zxcvbn.check(secret).guessesLog10;
}
