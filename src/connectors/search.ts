/** Finding connectors by what people type. Loaded with the first search. */
import MiniSearch, { type Query, type SearchResult } from 'minisearch';
import type { Connector } from './connector.ts';
import { topics } from './topics.ts';

type Entry = Pick<Connector, 'id' | 'name' | 'aliases' | 'categories'>;

const names = ['id', 'name', 'aliases'] as const;
const boost = { id: 3, name: 3, aliases: 2, joined: 2, categories: 0.6, topics: 0.3 };

/** Words of a request that say nothing about the service. */
const filler = new Set(
  'a account an and api call connect for from in me my of on please that the this to use using with'.split(' '),
);

/**
 * Answers a function from a query to ids, best first. What is called exactly so comes first, whatever the spaces and
 * capitals; then what has all of its words, then what has some. Typos are forgiven where nothing is spelled so: one in
 * words of four letters, two from five on.
 */
export function createFinder(entries: readonly Entry[]): (query: string) => string[] {
  const called = new Map<string, string[]>();
  for (const entry of entries) {
    for (const name of namesOf(entry)) called.set(joined(name), [...(called.get(joined(name)) ?? []), entry.id]);
  }
  const index = new MiniSearch<Entry>({
    fields: ['id', 'name', 'aliases', 'joined', 'categories', 'topics'],
    extractField: (entry, field) => {
      if (field === 'id') return entry.id;
      if (field === 'joined') return namesOf(entry).map(joined).join(' ');
      if (field === 'topics') return entry.categories.map((category) => topics[category] ?? '').join(' ');
      const value = entry[field as 'name' | 'aliases' | 'categories'];
      return typeof value === 'string' ? value : value.join(' ');
    },
    tokenize: wordsIn,
    searchOptions: { boost, prefix: (term) => term.length > 1 },
  });
  index.addAll(entries);
  return (query) => {
    const words = wordsIn(query);
    const telling = words.filter((word) => !filler.has(word));
    const all: Query = { queries: words, combineWith: 'AND' };
    // “git hub” is one word, and “googlecalendar” two.
    const whole: Query = { queries: [joined(query)], fields: ['joined'] };
    const some: Query = { queries: telling.length > 0 ? telling : words, combineWith: 'OR' };
    const tries = [{ queries: [all, whole], combineWith: 'OR' as const }, some].flatMap((one) => [
      () => index.search(one),
      () => index.search(one, { fuzzy }),
    ]);
    const exact = called.get(joined(query)) ?? [];
    const hits = tries.reduce<string[]>((found, next) => (found.length > 0 ? found : next().map(idOf)), []);
    return [...new Set([...exact, ...hits])];
  };
}

const fuzzy = (term: string) => (term.length < 4 ? false : term.length < 5 ? 1 : 2);
const idOf = ({ id }: SearchResult) => String(id);

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
