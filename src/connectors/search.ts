/** Finding connectors by what people type. */
import MiniSearch from 'minisearch';
import type { ConnectorFile } from './definition.ts';

type Entry = Pick<ConnectorFile, 'id' | 'name' | 'aliases' | 'categories'>;

/** Answers a function from a query to ids, best first. The index is built with the first query. */
export function createFinder(entries: readonly Entry[]): (query: string) => string[] {
  let index: MiniSearch<Entry> | undefined;
  return (query) => {
    index ??= buildIndex(entries);
    return index.search(query).map((hit) => String(hit.id));
  };
}

function buildIndex(entries: readonly Entry[]): MiniSearch<Entry> {
  const index = new MiniSearch<Entry>({
    fields: ['id', 'name', 'aliases', 'categories'],
    extractField: (entry, field) => {
      const value = entry[field as keyof Entry] ?? '';
      return typeof value === 'string' ? value : value.join(' ');
    },
    searchOptions: { boost: { id: 3, name: 3, aliases: 2 }, prefix: true, fuzzy: 0.34, maxFuzzy: 2 },
  });
  index.addAll(entries);
  return index;
}
