/** Finding connectors by what people type. Loaded with the first search. */
import MiniSearch from 'minisearch';
import type { Connector } from './connector.ts';

type Entry = Pick<Connector, 'id' | 'name' | 'aliases' | 'categories'>;

/** Answers a function from a query to ids, best first. Forgives about one typo in three letters, two at most. */
export function createFinder(entries: readonly Entry[]): (query: string) => string[] {
  const index = new MiniSearch<Entry>({
    fields: ['id', 'name', 'aliases', 'categories'],
    extractField: (entry, field) => {
      const value = entry[field as keyof Entry] ?? '';
      return typeof value === 'string' ? value : value.join(' ');
    },
    searchOptions: { boost: { id: 3, name: 3, aliases: 2 }, prefix: true, fuzzy: 0.34, maxFuzzy: 2 },
  });
  index.addAll(entries);
  return (query) => index.search(query).map((hit) => String(hit.id));
}
