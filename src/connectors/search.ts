/** Finding connectors by what people type. Loaded with the first search. */
import MiniSearch, { type Query, type SearchOptions, type SearchResult } from 'minisearch';
import type { Connector } from './connector.ts';

/** What most people look for, first to last: decides between connectors that match a request equally well. */
export const wanted: readonly string[] =
  `github slack notion gmail linear jira hubspot google-calendar google-docs confluence discord dropbox google-drive
  google-sheets linkedin gitlab outlook zoom google-analytics aws sentry resend stripe attio asana spotify monday figma
  mailchimp airtable salesforce microsoft-teams x supabase one-drive calendly cloudflare reddit perplexity shopify datadog
  okta twilio zoho-crm trello clickup todoist vercel close youtube exa telegram pagerduty miro intercom zendesk quickbooks
  sendgrid openai anthropic`.split(/\s+/);

/** What people call the kind of service that they look for: category → words beside its own. */
const topics: Readonly<Record<string, string>> = {
  ai: 'artificial intelligence llm language models machine learning embeddings speech images',
  analytics: 'statistics metrics dashboards reports events bi traffic',
  cloud: 'hosting servers deployment deploy infrastructure',
  commerce: 'ecommerce e-commerce online store shop shopping orders payments billing subscriptions',
  communication:
    'send messaging messages message text sms email mail chat calls video conferencing meetings notifications',
  crm: 'customers relationship sales leads contacts pipeline deals',
  data: 'databases database sql warehouse tables datasets lookup',
  'developer-tools': 'development coding code git repository repositories repos build ci cd',
  documents: 'docs files notes wiki knowledge pages cms forms spreadsheets',
  finance: 'accounting invoicing invoices billing payments banking bank money bookkeeping',
  hr: 'human resources employees people recruiting hiring payroll',
  marketing: 'newsletters newsletter campaigns ads audience surveys forms',
  media: 'video videos music audio streaming',
  monitoring: 'logs logging metrics alerts alerting incidents incident observability errors error tracking on-call',
  productivity: 'calendar scheduling appointments tasks todo notes time tracking',
  'project-management': 'issues issue tracker tracking bugs bug tickets ticket tasks todo kanban boards projects',
  security: 'identity sso login users directory vulnerabilities',
  social: 'social network networks media posts',
  storage: 'files file sharing drive folders',
  support: 'helpdesk help desk tickets ticket ticketing customer service',
};

type Entry = Pick<Connector, 'id' | 'name' | 'aliases' | 'categories'>;

const names = ['id', 'name', 'aliases'] as const;
const boost = { names: 3, joined: 2, joinedServer: 2, categories: 0.6, topics: 0.3 };
/** What is called by the same word is worth the same, however long its name is and however often the word is in it. */
const bm25 = { k: 1.2, b: 0, d: 0.5 };
/** Tells apart what matches equally well, and little else. */
const favour = new Map(wanted.map((id, place) => [id, 1 + 0.5 * (1 - place / wanted.length)]));

/** An MCP server of one service. */
const isNamedServer = ({ categories }: Entry) => categories.includes('mcp') && !categories.includes('generic');
/** It comes after the API of that service where both match equally well, and of its servers the one of the shortest name first. */
const afterTheApi = (id: string) => 0.9 - id.length / 1_000;

/** Words of a request that say nothing about the service. */
const filler = new Set(
  'a account an and api call connect for from in me my of on please that the this to use using with'.split(' '),
);

/**
 * Answers a function from a query to ids, best first. What is called exactly so comes first, whatever the spaces and
 * capitals; then what has all of its words, then what has some; what most people want before the rest. Typos are forgiven where nothing is spelled so: one in
 * words of four letters, two from five on.
 */
export function createFinder(entries: readonly Entry[]): (query: string) => string[] {
  const called = new Map<string, string[]>();
  for (const entry of entries) {
    for (const name of namesOf(entry)) called.set(joined(name), [...(called.get(joined(name)) ?? []), entry.id]);
  }
  const servers = new Set(entries.filter(isNamedServer).map(({ id }) => id));
  const boostDocument = (id: string) => favour.get(id) ?? (servers.has(id) ? afterTheApi(id) : 1);
  const index = new MiniSearch<Entry>({
    fields: Object.keys(boost),
    extractField: (entry, field) => {
      if (field === 'id') return entry.id;
      if (field === 'names') return [...new Set(namesOf(entry).flatMap(wordsIn))].join(' ');
      if (field === (servers.has(entry.id) ? 'joinedServer' : 'joined'))
        return [...new Set(namesOf(entry).map(joined))].join(' ');
      if (field.startsWith('joined')) return '';
      if (field === 'topics') return entry.categories.map((category) => topics[category] ?? '').join(' ');
      return entry.categories.join(' ');
    },
    tokenize: wordsIn,
    searchOptions: { boost, bm25, prefix: (term) => term.length > 1, boostDocument },
  });
  index.addAll(entries);
  return (query) => {
    const words = wordsIn(query);
    const telling = words.filter((word) => !filler.has(word));
    const fields = ['names', 'categories', 'topics'];
    const all: Query = { queries: words, combineWith: 'AND', fields };
    // “git hub” is one word, and “googlecal” two.
    const whole: Query = { queries: [joined(query)], fields: ['joined'] };
    // “intercomm” is a typo of a service, not the beginning of “intercommcp”.
    const roughly: Query = { ...whole, fields: ['joined', 'joinedServer'] };
    const some: Query = { queries: telling.length > 0 ? telling : words, combineWith: 'OR', fields };
    const find = (one: Query, options?: SearchOptions) => () => index.search(one, options).map(idOf);
    const nearly = [find(all, { fuzzy }), find(roughly, { fuzzy })];
    const tries = [find(all), find(whole), ...nearly, find(some), find(some, { fuzzy })];
    const exact = called.get(joined(query)) ?? [];
    const hits = tries.reduce<string[]>((found, next) => (found.length > 0 ? found : next()), []);
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
