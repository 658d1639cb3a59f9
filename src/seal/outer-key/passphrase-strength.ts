/** How hard a passphrase is to guess, by the patterns that people use (zxcvbn, https://github.com/zxcvbn-ts/zxcvbn). */

/**
 * A passphrase that takes fewer guesses is refused. Half a second and 256 MiB a guess (`passphrase.ts`) make 10^12 of
 * them some ten thousand years of one computer; four words that were picked by dice have 10^15.
 */
const leastGuesses = 1e12;

/** Longer ones take the library long, and their first characters suffice to judge them. */
const judgedCharacters = 128;

/** Whether somebody who has the vault could guess this passphrase. */
export async function isWeakPassphrase(passphrase: string): Promise<boolean> {
  judge ??= loadJudge();
  const judged = passphrase.normalize('NFC').slice(0, judgedCharacters);
  return (await judge).check(judged, ['keyward']).guesses < leastGuesses;
}

let judge: ReturnType<typeof loadJudge> | undefined;

/** Its dictionaries are large, and only those who set or give a passphrase pay for loading them. */
async function loadJudge() {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ]);
  const dictionary = { ...common.dictionary, ...english.dictionary };
  return new ZxcvbnFactory({ dictionary, graphs: common.adjacencyGraphs });
}
