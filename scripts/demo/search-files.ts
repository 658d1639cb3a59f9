/** Looks for secrets in the files that Keyward wrote. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { must } from './steps.ts';

export type Searched = { readonly files: number; readonly bytes: number; readonly secrets: number };

/** Reads every file below the folder; throws when one holds a secret in plain text, or when there is no vault. */
export async function searchFiles(folder: string, secrets: readonly string[]): Promise<Searched> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  must(
    files.some((file) => basename(file) === 'vault.json'),
    'there is no vault file',
  );
  must(secrets.length > 0, 'there is no secret to look for');
  let bytes = 0;
  for (const file of files) {
    const content = await readFile(file);
    bytes += content.length;
    must(!secrets.some((secret) => content.includes(secret)), `a secret is in plain text in ${basename(file)}`);
  }
  return { files: files.length, bytes, secrets: secrets.length };
}
