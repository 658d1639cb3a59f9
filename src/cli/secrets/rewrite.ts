/** Takes secrets out of files: what refers to the connection comes in their place, and no copy of the old file stays. */
import { rm } from 'node:fs/promises';
import { fieldsOf } from '../../broker/input/fields.ts';
import { KeywardError } from '../../errors.ts';
import { backupOf, type ClientConfig, readConfig, readText, replaceText } from '../clients/config-file.ts';
import type { Entry } from '../clients/format.ts';
import { editServer, readServers } from '../clients/servers.ts';
import { exists } from '../keyward.ts';
import { withValues } from './env-file.ts';
import type { Finding } from './findings.ts';
import { fixedBecause, type Place } from './places.ts';
import { scopesOf } from './project-servers.ts';

/** A connection's secret, as a reference names it. */
type Secret = {
  readonly connectionId: string;
  /** Null for the only secret that it has. */
  readonly field: string | null;
};

/** One secret in one place. */
type Change = { readonly place: Place; readonly value: string; readonly secret: Secret };

/** What a server is started by, up to the flags of `keyward run`: program and arguments. */
type Runner = { readonly command: string; readonly args: readonly string[] };

/** What is left to say of a file that was rewritten. */
type Rewritten = { readonly removedBackup: string | null; readonly stillHolds: boolean };

/** What is to be changed where, once this finding is a connection. */
export function changesFor(one: Finding<Place>, connectionId: string): Change[] {
  return one.spots.flatMap(({ place, field }) =>
    fixedBecause(place) === null
      ? [{ place, value: one.secrets[field] ?? '', secret: { connectionId, field: fieldNeeded(one, field) } }]
      : [],
  );
}

/** Null where the connection has one secret. */
export function fieldNeeded(
  { connector, auth }: Pick<Finding<Place>, 'connector' | 'auth'>,
  field: string,
): string | null {
  const secrets = [...fieldsOf(connector, auth).values()].filter(({ property }) => property.writeOnly);
  return secrets.length > 1 ? field : null;
}

/**
 * Rewrites one file. A kill at any moment leaves the old one or the new one. A copy that an earlier change of Keyward left
 * beside it is removed if it holds one of the secrets.
 *
 * @throws KeywardError when the file changed meanwhile, or can't be changed without changing more
 */
export async function rewriteFile(file: string, changes: readonly Change[], runner: Runner): Promise<Rewritten> {
  const old = await readText(file);
  const text = await (changes.every(({ place }) => place.kind === 'env-file')
    ? envFileWithout(file, old.text, changes)
    : configWithout(changes, runner));
  await replaceText(old, text);
  const secrets = changes.map(({ value }) => value);
  const backup = await backupOf(file);
  const leaks = (await exists(backup)) && holds((await readText(backup)).text, secrets);
  if (leaks) await rm(backup);
  return { removedBackup: leaks ? backup : null, stillHolds: holds(text, secrets) };
}

/** As `keyward run` reads it: `keyward://<connection>/<field>`. */
export function referenceTo({ connectionId, field }: Secret): string {
  return `keyward://${connectionId}${field === null ? '' : `/${field}`}`;
}

async function envFileWithout(file: string, text: string, changes: readonly Change[]): Promise<string> {
  const values = changes.map(({ place, value, secret }) => ({
    name: place.name,
    old: value,
    new: referenceTo(secret),
  }));
  const edited = withValues(text, values);
  if (edited === null) throw notEditable(file);
  return edited;
}

async function configWithout(changes: readonly Change[], runner: Runner): Promise<string> {
  const places = changes.flatMap((change) =>
    change.place.kind === 'server' ? [{ ...change, place: change.place }] : [],
  );
  const [first] = places;
  if (first === undefined) throw new KeywardError('internal', 'There is no file to rewrite.');
  const config = await readConfig(first.place.found);
  // From the end on, so that no change moves the part of another project.
  const parts = (await scopesOf(config)).filter(({ project }) => project !== null).reverse();
  let { text } = config;
  for (const { project, config: part, from, to } of parts) {
    const own = places.filter(({ place }) => place.project === project);
    text = text.slice(0, from) + (await partWithout(part, own, runner)) + text.slice(to);
  }
  const own = places.filter(({ place }) => place.project === null);
  return partWithout({ ...config, text }, own, runner);
}

async function partWithout(
  config: ClientConfig,
  changes: readonly (Change & { readonly place: Place & { kind: 'server' } })[],
  runner: Runner,
): Promise<string> {
  let { text } = config;
  for (const name of new Set(changes.map(({ place }) => place.server))) {
    const own = changes.filter(({ place }) => place.server === name);
    const server = (await readServers({ ...config, text })).get(name);
    if (server === undefined || own.some(({ place, value }) => server.env?.[place.name] !== value)) {
      throw notEditable(config.path);
    }
    text = await editServer({ ...config, text }, name, throughKeyward(server.entry, own, runner));
  }
  return text;
}

/** The entry of a server that `keyward run` starts, which gives it the secrets that were in its environment. */
function throughKeyward(entry: Entry, changes: readonly Change[], { command, args }: Runner): Entry {
  const flags = changes.flatMap(({ place, secret }) => ['--env', `${place.name}=${referenceTo(secret)}`]);
  const names = new Set(changes.map(({ place }) => place.name));
  const env = Object.fromEntries(Object.entries(entry.env ?? {}).filter(([name]) => !names.has(name)));
  const { env: _, ...rest } = entry;
  const old = Array.isArray(entry.args) ? entry.args : [];
  const end = old.indexOf('--');
  // Started by keyward run already: one more variable of the same program.
  const again = entry.command === command && end > 0 && args.every((arg, index) => old[index] === arg);
  const started = again
    ? { command, args: [...old.slice(0, end), ...flags, ...old.slice(end)] }
    : { command, args: [...args, ...flags, '--', entry.command, ...old] };
  return { ...rest, ...started, ...(Object.keys(env).length > 0 && { env }) };
}

/** As it is, or as JSON and TOML write it. */
function holds(text: string, secrets: readonly string[]): boolean {
  return secrets.some((secret) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)));
}

function notEditable(file: string): KeywardError {
  return new KeywardError('conflict', `${file} was changed meanwhile, or can't be changed without changing more.`, {
    hint: 'The secret is stored, and the file is as it was. Run keyward import again.',
  });
}
