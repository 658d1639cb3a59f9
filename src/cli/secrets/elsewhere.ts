/** Whether a secret is for another server than the service's own: a self-hosted one, or a proxy that has its own keys. */
import type { Connector } from '../../connectors/connector.ts';
import { variablesIn } from '../../connectors/template.ts';
import { hostOf } from './hosts.ts';
import { hintedBy, type Variable } from './recognise.ts';
import type { Services } from './services.ts';
import { endsAsSecret, neutralWords, wordsOf } from './words.ts';

type Around = { readonly variables: readonly Variable[]; readonly hints: readonly string[] };

/** What would be connected. */
type Meant = {
  readonly connector: Connector;
  readonly inputs: Readonly<Record<string, string>>;
  readonly secrets: readonly Variable[];
};

/** Ends of words that say that a value is an address, such as `baseurl`. */
const address = /(?:url|uri|host|hostname|endpoint)$/;
/** Words that may say so, where the value looks like a host. */
const mayBeAddress = /^(?:base|server|origin|domain|instance|site|gateway|proxy|address|addr|api)$/;
/** Where no key of an API goes. */
const database = /^(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?):\/\//i;
/** Words of addresses at which the service calls the person's own program. */
const calledBack = /^(?:callback|redirect|webhook)$/;

/**
 * The name of a variable around the secrets that belongs to them, and is an address outside the hosts of the service; null
 * for none. An address that can't be read is outside.
 */
export function elsewhereIn(services: Services, { variables, hints }: Around, meant: Meant): string | null {
  const { connector, inputs, secrets } = meant;
  const hinted = hintedBy(services, hints) === connector.id;
  const prefixes = secrets.map(({ name }) => prefixOf(wordsOf(name)));
  const belongs = (words: readonly string[]) => {
    const named = services.named(words);
    if (named?.id === connector.id || (hinted && named === null)) return true;
    if (prefixes.some((own) => own.length > 0 && own.every((word, at) => word === words[at]))) return true;
    // A bare `BASE_URL` is of a bare `API_KEY`, and in an MCP server of whatever the server is given.
    const bare = words.every((word) => neutralWords.has(word) || address.test(word) || mayBeAddress.test(word));
    return bare && (hints.length > 0 || prefixes.some((own) => own.length === 0));
  };
  const given = new Set([...Object.values(inputs), ...secrets.map(({ value }) => value)]);
  const found = variables.find(({ name, value }) => {
    const words = wordsOf(name);
    const counts = value !== '' && !given.has(value) && isAddress(words, value) && belongs(words);
    return counts && !isOf(connector, inputs, hostIn(value));
  });
  return found?.name ?? null;
}

/** `OPENAI_API_KEY` → `openai`: the words up to those that any key is called by. */
function prefixOf(words: readonly string[]): readonly string[] {
  return words.slice(0, words.findLastIndex((word) => !neutralWords.has(word) && !/^\d+$/.test(word)) + 1);
}

function isAddress(words: readonly string[], value: string): boolean {
  if (words.some((word) => calledBack.test(word)) || database.test(value)) return false;
  if (/^(?:http|ws)s?:\/\//i.test(value)) return true;
  if (endsAsSecret(words)) return false;
  return words.some((word) => address.test(word)) || (words.some((word) => mayBeAddress.test(word)) && isHost(value));
}

/** `gitlab.corp.example`, `localhost:4000`; not a number, a version or a path. */
function isHost(value: string): boolean {
  return /^[^\s/]+(?:\.[a-z]|:\d)/i.test(value) && hostOf(value) !== null;
}

/** The host of an address, or a host name; null for what is neither, such as a reference to another variable. */
function hostIn(value: string): string | null {
  const text = value.replace(/^ws(?=s?:\/\/)/i, 'http');
  if (!/^https?:\/\//i.test(text)) return hostOf(text);
  return URL.canParse(text) ? new URL(text).host : null;
}

/** Whether the host is one that the service may be reached at, one below it, or the domain that it is below. */
function isOf(connector: Connector, inputs: Meant['inputs'], host: string | null): boolean {
  if (host === null) return false;
  const allowed = [connector.api, ...connector.auth.map(({ api }) => api)].flatMap(({ allowedHosts }) => allowedHosts);
  return allowed.some((entry) => {
    const [whole = ''] = /^\{[^}]+\}(?=:\d+$|$)/.exec(entry) ?? [];
    if (whole !== '') {
      const value = inputs[variablesIn(whole)[0] ?? ''];
      // A host that is not known yet is one that the person is asked for.
      return value === undefined || host === entry.replace(whole, () => value.toLowerCase());
    }
    const pattern = entry
      .replace(/^\*\./, '{any}.')
      .split(/\{[^}]+\}/)
      .map((text) => text.replace(/[.*+?^$()|[\]\\]/g, '\\$&'))
      .join('[a-z0-9-]+');
    return new RegExp(`^(?:.+\\.)?${pattern}$`).test(host) || (host.includes('.') && entry.endsWith(`.${host}`));
  });
}
