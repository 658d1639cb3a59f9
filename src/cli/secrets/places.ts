/** Where secrets are looked for: the files of MCP clients, `.env` files, and the environment. */
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { KeywardError } from '../../errors.ts';
import { clientFiles, clients, type FoundClient, thisSystem } from '../clients/clients.ts';
import { readConfig, readText } from '../clients/config-file.ts';
import { readServers } from '../clients/servers.ts';
import { linesOf } from './env-file.ts';
import type { Group } from './findings.ts';
import { scopesOf } from './project-servers.ts';
import { type ServerPart, serverHints, serverVariables } from './server-variables.ts';

/** Where a secret stands. */
export type Place =
  | { readonly kind: 'env-file'; readonly file: string; readonly name: string }
  | ({
      readonly kind: 'server';
      readonly found: FoundClient;
      /** The folder of the project that the server is for, where the file has servers of single projects. */
      readonly project: string | null;
      readonly server: string;
      /** The client starts it as a program. */
      readonly starts: boolean;
    } & ServerPart)
  | { readonly kind: 'environment'; readonly name: string };

/** What was looked at: the groups of variables, and the files that could not be read, with the reason. */
type Looked = { readonly groups: readonly Group<Place>[]; readonly problems: readonly KeywardError[] };

/** Largest `.env` file, in bytes; files of clients have the bound of {@link readConfig}. */
const maxBytes = 1024 * 1024;
/** Most files of one folder, and most variables of one place. */
const maxFiles = 50;
const maxVariables = 2_000;

/** The usual places: clients, and below the working folder its `.env` files and what clients read there; the environment. */
export async function usualPlaces(folder: string, env: NodeJS.ProcessEnv): Promise<Looked> {
  const names = await readdir(folder).catch(() => []);
  const envFiles = names.filter(
    (name) => /^\.env(?:\.|$)/.test(name) && !/\.(?:example|sample|template|dist)$/.test(name),
  );
  const ofProject = projectFiles(folder);
  const configs = await eachOnce([...(await clientFiles(thisSystem())), ...ofProject]);
  const looked = await Promise.all([
    ...configs.map((found) =>
      orProblem(async () => {
        if (ofProject.includes(found)) await staysIn(folder, found.path);
        return groupsOfClient(found);
      }),
    ),
    ...envFiles.slice(0, maxFiles).map((name) =>
      orProblem(async () => {
        const file = path.join(folder, name);
        await staysIn(folder, file);
        return groupsOfEnvFile(file);
      }),
    ),
  ]);
  return together([...looked, lookAtEnvironment(env)]);
}

/**
 * The files that a person named: those of clients by their path or content, all others as `.env` files. Each is shown, and
 * changed, by its real path.
 */
export async function namedPlaces(files: readonly string[]): Promise<Looked> {
  const known = [...(await clientFiles(thisSystem())), ...projectFiles(process.cwd())];
  const knownPaths = await Promise.all(known.map((one) => realPath(one.path)));
  const named = new Set(await Promise.all(files.map((name) => realPath(path.resolve(name)))));
  const looked = Array.from(named, (file) =>
    orProblem(async () => {
      const client = known[knownPaths.indexOf(file)]?.client;
      const found = client === undefined ? await clientLike(file) : { client, path: file };
      return found === null ? groupsOfEnvFile(file, true) : groupsOfClient(found);
    }),
  );
  return together(await Promise.all(looked));
}

/** Where a link leads; the path itself where nothing is there. */
function realPath(file: string): Promise<string> {
  return realpath(file).catch(() => file);
}

/**
 * Whoever made the folder may have put a link there, to a file that the person did not mean.
 *
 * @throws KeywardError `forbidden` for a link that leads out of the folder
 */
async function staysIn(folder: string, file: string): Promise<void> {
  const real = await realpath(file).catch(() => null);
  if (real === null || real.startsWith(path.join(await realPath(folder), path.sep))) return;
  throw new KeywardError('forbidden', `${file} is a link that leads out of this folder, and was not looked at.`, {
    hint: 'Name the file that it leads to, if that is the one you mean.',
  });
}

/** Without those that are another one by a link, or by another way of writing it. */
async function eachOnce<F extends { readonly path: string }>(files: readonly F[]): Promise<F[]> {
  const real = await Promise.all(files.map(({ path: file }) => realPath(file)));
  return files.filter((_, index) => real.indexOf(real[index] ?? '') === index);
}

/** What clients read in the folder of a project. */
function projectFiles(folder: string): FoundClient[] {
  const files = { 'claude-code': '.mcp.json', cursor: '.cursor/mcp.json', vscode: '.vscode/mcp.json' };
  return Object.entries(files).flatMap(([id, file]) => {
    const client = clients.find((one) => one.id === id);
    return client === undefined ? [] : [{ client, path: path.join(folder, file) }];
  });
}

/** A client whose files look like this one. */
async function clientLike(file: string): Promise<FoundClient | null> {
  const format = /\.jsonc?$/.test(file) ? 'json' : file.endsWith('.toml') ? 'toml' : null;
  if (format === null) return null;
  for (const client of clients.filter((one) => one.format === format)) {
    const scopes = await serversIn({ client, path: file });
    if (scopes.some(({ servers }) => servers.size > 0)) return { client, path: file };
  }
  throw new KeywardError('invalid_input', `${file} holds no MCP servers.`, {
    hint: 'Name the file of an MCP client, or one with lines such as NAME=value.',
  });
}

async function serversIn(found: FoundClient) {
  const config = await readConfig(found);
  const scopes = await scopesOf(config);
  return Promise.all(scopes.map(async ({ project, config: part }) => ({ project, servers: await readServers(part) })));
}

async function groupsOfClient(found: FoundClient): Promise<Group<Place>[]> {
  return (await serversIn(found)).flatMap(({ project, servers }) =>
    Array.from(servers, ([server, entry]) => {
      const starts = entry.command !== undefined;
      const variables = serverVariables(entry).map(({ name, value, in: part }) => {
        const place: Place = { kind: 'server', found, project, server, starts, ...part };
        return { name, value, place };
      });
      return { variables, hints: serverHints(server, entry) };
    }),
  );
}

async function groupsOfEnvFile(file: string, named = false): Promise<Group<Place>[]> {
  const { text, bytes } = await readText(file);
  if (bytes === null && named) throw new KeywardError('not_found', `There is no file ${file}.`);
  if ((bytes?.length ?? 0) > maxBytes) {
    throw new KeywardError('invalid_input', `${file} is larger than 1 MB, and was not looked at.`);
  }
  const variables = linesOf(text).map(({ name, value }) => {
    const place: Place = { kind: 'env-file', file, name };
    return { name, value, place };
  });
  return [{ variables, hints: [] }];
}

function lookAtEnvironment(env: NodeJS.ProcessEnv): Looked {
  const variables = Object.entries(env).flatMap(([name, value = '']) =>
    name.startsWith('KEYWARD_') ? [] : [{ name, value, place: { kind: 'environment' as const, name } }],
  );
  return { groups: [{ variables, hints: [] }], problems: [] };
}

async function orProblem(look: () => Promise<Group<Place>[]>): Promise<Looked> {
  try {
    return { groups: await look(), problems: [] };
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    return { groups: [], problems: [error] };
  }
}

function together(all: readonly Looked[]): Looked {
  return {
    groups: all.flatMap(({ groups }) =>
      groups.map((group) => ({ ...group, variables: group.variables.slice(0, maxVariables) })),
    ),
    problems: all.flatMap(({ problems }) => problems),
  };
}

/** The file that holds the secret; null for the environment. */
export function fileOf(place: Place): string | null {
  if (place.kind === 'environment') return null;
  return place.kind === 'env-file' ? place.file : place.found.path;
}

/** Where it is, in words: “~/.cursor/mcp.json, server github, GITHUB_TOKEN”. */
export function placeText(place: Place): string {
  if (place.kind === 'environment') return `the environment, ${place.name}`;
  if (place.kind === 'env-file') return `${nearHome(place.file)}, ${place.name}`;
  const part = place.part === 'env' ? place.name : `${place.part} ${place.name}`;
  const project = place.project === null ? '' : ` of ${nearHome(place.project)}`;
  return `${nearHome(place.found.path)}, server ${place.server}${project}, ${part}`;
}

/** A path as people write it. */
export function nearHome(file: string): string {
  const { home } = thisSystem();
  return file.startsWith(home + path.sep) ? `~${file.slice(home.length)}` : file;
}

/** Why Keyward can't take the secret out of its place, as words that follow the place; null where it can. */
export function fixedBecause(place: Place): string | null {
  if (place.kind === 'env-file') return null;
  if (place.kind === 'environment') return 'is set by the shell or the program that started Keyward';
  if (place.part === 'env' && place.starts) return null;
  return place.starts
    ? `is an ${place.part} of the program, which other users can see: give it as a variable, if the program takes one`
    : `is sent to the server by ${place.found.client.name} itself`;
}
