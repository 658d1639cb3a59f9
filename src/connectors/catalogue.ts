/** The catalogue: built-in connectors and the user's own. */
import { basename } from 'node:path';
import leven from 'leven';
import { KeywardError } from '../errors.ts';
import { quoted } from '../text.ts';
import { builtinIds, readBuiltin } from './builtin.ts';
import type { Connector } from './connector.ts';
import { complete } from './definition/complete.ts';
import type { ConnectorFile } from './definition/definition.ts';
import type { CatalogueProblem } from './definition/definition-problem.ts';
import { readUserFiles } from './user-files.ts';

export type Catalogue = {
  get(id: string): Connector | undefined;
  /** True for a connector of the user's own files. */
  isCustom(id: string): boolean;
  /** `unknown_connector` with the nearest ids in the hint. */
  require(id: string): Connector;
  /** The id of every connector, in order; reads no definition. */
  ids(): readonly string[];
  /** All of them, by id. */
  list(): readonly Connector[];
  /**
   * Connectors for what somebody typed, best first: names, ids, aliases and categories, with typos forgiven. Without a
   * query all of them, by id. A category narrows either.
   */
  search(query?: string, category?: string): Promise<readonly Connector[]>;
  /** User files that could not be used; the other connectors work. */
  readonly problems: readonly CatalogueProblem[];
};

/**
 * Loads the catalogue. Built-ins are part of the program and were checked when it was built; the user's files in
 * `connectorsDir` are checked now. A folder that does not exist holds no files.
 */
export async function loadCatalogue(connectorsDir: string | null): Promise<Catalogue> {
  if (connectorsDir === null) return createCatalogue([], [], new Map());
  const { files, problems, unusable } = await readUserFiles(connectorsDir, builtins);
  return createCatalogue(files, problems, unusable);
}

function builtins(): ConnectorFile[] {
  return Array.from(builtinIds()).flatMap((id) => readBuiltin(id) ?? []);
}

function createCatalogue(
  own: readonly ConnectorFile[],
  problems: readonly CatalogueProblem[],
  unusable: ReadonlyMap<string, readonly CatalogueProblem[]>,
): Catalogue {
  const ownById = new Map(own.map((file) => [file.id, file]));
  const completed = new Map<string, Connector>();
  let finder: ((query: string) => string[]) | undefined;

  function get(id: string): Connector | undefined {
    const known = completed.get(id);
    if (known) return known;
    const file = ownById.get(id) ?? readBuiltin(id);
    if (!file) return undefined;
    const connector = complete(file);
    completed.set(id, connector);
    return connector;
  }

  function all(ids: Iterable<string>): Connector[] {
    return Array.from(ids).flatMap((id) => get(id) ?? []);
  }

  const ids = () => [...builtinIds(), ...ownById.keys()].sort();

  return {
    get,
    isCustom: (id) => ownById.has(id),
    require(id) {
      const connector = get(id);
      if (connector) return connector;
      const mistakes = unusable.get(id);
      if (mistakes) throw unusableError(id, mistakes);
      const nearest = nearestIds(id, ids());
      throw new KeywardError('unknown_connector', `There is no connector ${quoted(id, 64)}.`, {
        hint: nearest.length > 0 ? `Did you mean ${nearest.join(', ')}?` : 'list_connectors shows what there is.',
      });
    },
    ids,
    list: () => all(ids()),
    async search(query = '', category) {
      if (query.trim() !== '') finder ??= (await import('./search.ts')).createFinder(all(ids()));
      const found = all(query.trim() === '' || !finder ? ids() : finder(query));
      return category === undefined ? found : found.filter((one) => one.categories.includes(category));
    },
    problems,
  };
}

/** Most mistakes that an error names. */
const maxNamed = 5;

/** Says what is wrong with a file, to the person who asks for its connector. No value is quoted. */
function unusableError(id: string, mistakes: readonly CatalogueProblem[]): KeywardError {
  const named = mistakes.slice(0, maxNamed).map(({ field, rule }) => `${field} ${rule}`.trim());
  const [file = ''] = mistakes.map((one) => basename(one.file));
  return new KeywardError('unknown_connector', `The file of the connector ${quoted(id, 64)} can not be used.`, {
    hint: `Correct ${file} and start Keyward again: ${named.join('; ')}.`,
  });
}

/** Most ids that an error proposes. */
const maxNearest = 3;

/** Ids that somebody may have meant: near in spelling, or with the asked text in them; best first. */
function nearestIds(asked: string, ids: Iterable<string>): string[] {
  const text = asked.toLowerCase().slice(0, 64);
  const limit = Math.max(2, Math.floor(text.length / 3));
  return Array.from(ids, (id) => ({ id, distance: id.includes(text) && text.length > 2 ? 0 : leven(text, id) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, maxNearest)
    .map(({ id }) => id);
}
