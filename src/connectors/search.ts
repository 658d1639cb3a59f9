/** Finding connectors by what people type. Loaded with the first search. */
import MiniSearch, { type Query } from 'minisearch';
import type { Connector } from './connector.ts';

type Entry = Pick<Connector, 'id' | 'name' | 'aliases' | 'categories'>;

const names = ['id', 'name', 'aliases'] as const;
const boost = { id: 3, name: 3, aliases: 2, joined: 2 };

/**
 * Answers a function from a query to ids, best first. What is called exactly so comes first, whatever the spaces and
 * capitals; then what has all of its words, then what has some. A typo is forgiven in words of four letters, two from five on.
 */
export function createFinder(entries: readonly Entry[]): (query: string) => string[] {
  const called = new Map<string, string[]>();
  for (const entry of entries) {
    for (const name of namesOf(entry)) called.set(joined(name), [...(called.get(joined(name)) ?? []), entry.id]);
  }
  const index = new MiniSearch<Entry>({
    fields: ['id', 'name', 'aliases', 'joined', 'categories'],
    extractField: (entry, field) => {
      if (field === 'id') return entry.id;
      if (field === 'joined') return namesOf(entry).map(joined).join(' ');
      const value = entry[field as 'name' | 'aliases' | 'categories'];
      return typeof value === 'string' ? value : value.join(' ');
    },
    tokenize: wordsIn,
    searchOptions: {
      boost,
      prefix: (term) => term.length > 1,
      fuzzy: (term) => (term.length < 4 ? false : term.length < 5 ? 1 : 2),
    },
  });
  index.addAll(entries);
  return (query) => {
    const words: Query = { queries: wordsIn(query), combineWith: 'AND' };
    // “git hub” is one word, and “googlecalendar” two.
    const whole: Query = { queries: [joined(query)], fields: ['joined'] };
    const best = index.search({ queries: [words, whole], combineWith: 'OR' });
    const hits = best.length > 0 ? best : index.search(query);
    const exact = called.get(joined(query)) ?? [];
    return [...new Set([...exact, ...hits.map((hit) => String(hit.id))])];
  };
}

function namesOf(entry: Entry): string[] {
  return names.flatMap((field) => entry[field]);
}

/** Letters and digits in small letters, without accents. */
function wordsIn(text: string): string[] {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
}

function joined(text: string): string {
  return wordsIn(text).join('');
}
