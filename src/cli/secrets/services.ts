/** The services of the catalogue that are connected with a key, and the names that variables call them by. */

import { fieldsOf } from '../../broker/input/fields.ts';
import { isOAuth, usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import type { Catalogue } from '../../connectors/catalogue.ts';
import type { AuthMethod, Connector, InputProperty } from '../../connectors/connector.ts';
import { wholeVariable } from '../../connectors/template.ts';
import { wordsOf } from './words.ts';

/** One field of one way to connect a service. */
export type Slot = {
  readonly connector: Connector;
  readonly auth: AuthMethod;
  readonly field: string;
  readonly property: InputProperty;
  /** What the field is called, in words: `api`, `key`. */
  readonly words: ReadonlySet<string>;
};

/** A service that words name; `own` unless it is by quite another name, such as `lambda`. */
type Named = { readonly id: string; readonly own: boolean };

export type Services = {
  /** The service that is named among the words, the longest name first; null for none, or for several. */
  named(words: readonly string[]): (Named & { readonly rest: readonly string[] }) | null;
  slots(connectorId: string): readonly Slot[];
  /** Every secret field whose form the catalogue knows. */
  readonly shaped: readonly Slot[];
};

/** Most words of a name: `google cloud platform`. */
const mostWords = 4;

/** Reads the catalogue. A service whose address the connection names can't be told from a key. */
export function servicesOf(catalogue: Catalogue): Services {
  const names = new Map<string, Map<string, Named>>();
  const slots = new Map<string, Slot[]>();
  for (const connector of catalogue.list()) {
    if (wholeVariable(connector.api.baseUrl) !== null) continue;
    const own = slotsOf(connector);
    if (!own.some(({ property }) => property.writeOnly)) continue;
    slots.set(connector.id, own);
    for (const name of [...connector.aliases, connector.name, connector.id]) {
      const joined = wordsOf(name).join('');
      // One letter is no name: `X-Api-Key` is not a key of X.
      if (joined.length < 2) continue;
      const known = names.get(joined) ?? new Map<string, Named>();
      const called = [connector.id, connector.name].map((one) => wordsOf(one).join(''));
      // `linear.app` is Linear's own name as well.
      names.set(
        joined,
        known.set(connector.id, { id: connector.id, own: called.some((one) => joined.startsWith(one)) }),
      );
    }
  }

  return {
    named(words) {
      for (let length = Math.min(mostWords, words.length); length > 0; length -= 1) {
        const places = words.slice(0, words.length - length + 1).map((_, at) => at);
        const hits = places.flatMap((at) => {
          const found = [...(names.get(words.slice(at, at + length).join(''))?.values() ?? [])];
          const best = found.some(({ own }) => own) ? found.filter(({ own }) => own) : found;
          return best.map((one) => ({ ...one, rest: [...words.slice(0, at), ...words.slice(at + length)] }));
        });
        const [first] = hits;
        if (first !== undefined) return hits.every(({ id }) => id === first.id) ? first : null;
      }
      return null;
    },
    slots: (connectorId) => slots.get(connectorId) ?? [],
    shaped: [...slots.values()].flat().filter(({ property }) => property.writeOnly && property.pattern !== undefined),
  };
}

function slotsOf(connector: Connector): Slot[] {
  return connector.auth
    .filter((auth) => !isOAuth(auth) && !usesTokenEndpoint(auth))
    .flatMap((auth) =>
      Array.from(fieldsOf(connector, auth), ([field, { property }]) => {
        const words = new Set([...wordsOf(field), ...wordsOf(property.title ?? '')]);
        return { connector, auth, field, property, words };
      }),
    );
}
