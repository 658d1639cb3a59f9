/** Where a shell sets a variable, so that a person can take the line out. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/** What the usual shells read when they start, below the home folder. */
const files = [
  '.bashrc',
  '.bash_profile',
  '.bash_login',
  '.profile',
  '.zshrc',
  '.zprofile',
  '.zshenv',
  '.config/fish/config.fish',
];

const maxBytes = 1024 * 1024;

/** The first line that holds this very value, as file and number from 1 on; null where there is none. */
export async function shellLine(home: string, value: string): Promise<{ file: string; line: number } | null> {
  for (const name of files) {
    const file = path.join(home, name);
    const found = await stat(file).catch(() => null);
    if (!found?.isFile() || found.size > maxBytes) continue;
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    const at = lines.findIndex((line) => line.includes(value));
    if (at !== -1) return { file, line: at + 1 };
  }
  return null;
}
