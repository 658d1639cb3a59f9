/** The pages that people read: README.md, its neighbours and docs/. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Path from the root, with `/` → text, of each Markdown page. */
export async function readPages(): Promise<ReadonlyMap<string, string>> {
  const own = (await readdir(root)).filter((name) => name.endsWith('.md'));
  const docs = (await readdir(`${root}docs`)).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  const pages = [...own, ...docs].map(async (name) => [name, await readFile(`${root}${name}`, 'utf8')] as const);
  return new Map(await Promise.all(pages));
}
