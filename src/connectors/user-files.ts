/** The user's own connector files. */

import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseJson, TooDeepError } from '../json.ts';
import { quoted } from '../text.ts';
import { strangerTo } from '../trusted-files.ts';
import type { Checked } from './definition/checks.ts';
import type { ConnectorFile } from './definition/definition.ts';
import type { CatalogueProblem } from './definition/definition-problem.ts';
import { skeletonOf } from './lookalike.ts';

/** Largest definition in bytes. */
const maxBytes = 256 * 1024;

/**
 * What a file of somebody's own must not say: that it may use the OAuth clients of a vendor, and what agreeing means. Pages
 * say both as the words of Keyward.
 */
const builtinFields = ['clientFamily', 'scopeDescriptions'] as const;

/**
 * Reads every *.json of a folder, in the order of their names. A bad file is a problem, never an error; `unusable` has the
 * problems by the id that the file gives its connector, else by the name of the file.
 */
export async function readUserFiles(
  folder: string,
  builtins: () => Iterable<Pick<ConnectorFile, 'id' | 'name'>>,
): Promise<{ files: ConnectorFile[]; problems: CatalogueProblem[]; unusable: Map<string, CatalogueProblem[]> }> {
  const files: ConnectorFile[] = [];
  const problems: CatalogueProblem[] = [];
  const unusable = new Map<string, CatalogueProblem[]>();

  const paths = await listFolder(folder, problems);
  if (paths.length === 0) return { files, problems, unusable };
  // Only who has files of their own pays for what follows.
  const known = Array.from(builtins());
  const builtinBy = new Map(known.flatMap(({ id, name }) => [id, name].map((text) => [skeletonOf(text), id])));
  const takenBy = new Map(known.map(({ id }) => [lookalike(id), `the built-in connector ${id}`]));
  const { checkDefinition } = await import('./definition/checks.ts');
  for (const path of paths) {
    const checked = await readDefinition(path, checkDefinition);
    const found = checked.problems.map((problem) => ({ file: path, ...problem }));
    problems.push(...found);
    if (found.length > 0) unusable.set(checked.id, found);
    if (!checked.definition) continue;
    const { id, name } = checked.definition;
    const reserved = builtinFields.filter((field) => checked.definition && Object.hasOwn(checked.definition, field));
    if (reserved.length > 0) {
      const found = reserved.map((field) => ({ file: path, field, rule: 'is for built-in connectors: take it out' }));
      problems.push(...found);
      unusable.set(id, found);
      continue;
    }
    const taken = takenBy.get(lookalike(id));
    const [likeId, likeName] = [id, name].map((text) => builtinBy.get(skeletonOf(text)));
    if (taken || likeId || likeName) {
      const field = taken || likeId ? 'id' : 'name';
      const rule = taken
        ? `is taken by ${taken}`
        : `reads like the built-in connector ${likeId ?? likeName}: choose another`;
      problems.push({ file: path, field, rule: `${quoted(field === 'id' ? id : name)} ${rule}` });
      continue;
    }
    takenBy.set(lookalike(id), path);
    files.push(checked.definition);
  }
  return { files, problems, unusable };
}

/** Ids that differ in punctuation only, and those whose environment variables have one name, are one id. */
function lookalike(id: string): string {
  return id.replaceAll(/[^a-z0-9]/g, '_');
}

async function listFolder(folder: string, problems: CatalogueProblem[]): Promise<string[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
    const rule = names.length === 0 ? null : await strangerTo(folder);
    if (rule !== null) {
      problems.push({ file: folder, field: '', rule: `${rule}: no file in it is used` });
      return [];
    }
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT')
      problems.push({ file: folder, field: '', rule: `can not be read (${codeOf(error)})` });
    return [];
  }
}

async function readDefinition(
  path: string,
  check: (json: unknown) => Checked,
): Promise<Checked & { readonly id: string }> {
  const unread = (rule: string) => ({ id: basename(path, '.json'), definition: null, problems: [{ field: '', rule }] });
  let handle: FileHandle | undefined;
  let text = '';
  try {
    // Without O_NONBLOCK a named pipe in the folder would hold up the start for ever.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const rule = refusal(await handle.stat()) ?? (await strangerTo(path));
    if (rule !== null) return unread(rule);
    text = (await handle.readFile('utf8')).replace(/^\uFEFF/, '');
    const json: unknown = parseJson(text);
    const { id } = Object(json) as { id?: unknown };
    return { id: typeof id === 'string' ? id : basename(path, '.json'), ...check(json) };
  } catch (error) {
    return unread(error instanceof SyntaxError ? jsonProblem(text, error) : `can not be read (${codeOf(error)})`);
  } finally {
    await handle?.close();
  }
}

function refusal(stat: { isFile(): boolean; size: number }): string | null {
  if (!stat.isFile()) return 'is not a regular file';
  if (stat.size > maxBytes) return `is larger than ${maxBytes / 1024} KiB`;
  return null;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

/**
 * What is wrong with a file that is no JSON, with the line where the parser says one. Its message is not passed on: it
 * quotes the file, and somebody may have put a secret there.
 */
export function jsonProblem(text: string, error: unknown): string {
  if (error instanceof TooDeepError) return error.message;
  const at = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  return at === undefined
    ? 'is not valid JSON'
    : `is not valid JSON: look at line ${text.slice(0, Number(at)).split('\n').length}`;
}
