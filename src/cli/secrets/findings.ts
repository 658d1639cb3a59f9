/** What can be connected with the secrets that stand in one place: which fields are there, and which are missing. */

import { fieldsOf } from '../../broker/input/fields.ts';
import { accepts } from '../../connectors/accepts.ts';
import type { AuthMethod, Connector } from '../../connectors/connector.ts';
import { elsewhereIn } from './elsewhere.ts';
import { hostInputs } from './hosts.ts';
import { hintedBy, likeness, recognise, type Variable } from './recognise.ts';
import type { Services, Slot } from './services.ts';
import { masked } from './shape.ts';
import { endsAsSecret, wordsOf } from './words.ts';

/** Variables that stand together: in a file, in an MCP server of one, or in the environment. */
export type Group<P> = {
  readonly variables: readonly (Variable & { readonly place: P })[];
  /** As {@link recognise} takes them. */
  readonly hints: readonly string[];
};

/** Where a secret stands, and which field it is. */
type Spot<P> = { readonly place: P; readonly field: string };

export type Finding<P> = {
  readonly connector: Connector;
  readonly auth: AuthMethod;
  /** Secret fields → what was found. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Other fields that the variables around it give. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Fields that connecting needs besides, secrets among them. */
  readonly missing: readonly string[];
  /** The variable that says that the secret is for another server than the service's own; null for none. */
  readonly elsewhere: string | null;
  /** As much of the secrets as may be shown. */
  readonly shown: string;
  readonly spots: readonly Spot<P>[];
};

/** Everything that the groups hold; a secret that stands in several places is one finding. */
export function findSecrets<P>(services: Services, groups: readonly Group<P>[]): Finding<P>[] {
  const found = new Map<string, Finding<P>>();
  for (const finding of groups.flatMap((group) => findingsIn(services, group))) {
    const { connector, auth, secrets } = finding;
    const same = JSON.stringify([connector.id, auth.authenticationType, Object.entries(secrets).sort()]);
    const known = found.get(same);
    const fuller = known === undefined || finding.missing.length < known.missing.length ? finding : known;
    const elsewhere = known?.elsewhere ?? finding.elsewhere;
    found.set(same, { ...fuller, elsewhere, spots: [...(known?.spots ?? []), ...finding.spots] });
  }
  return [...found.values()];
}

function findingsIn<P>(services: Services, group: Group<P>): Finding<P>[] {
  const hits = group.variables.flatMap((variable) => {
    const hit = recognise(services, variable, group.hints);
    return hit === null ? [] : [{ ...hit, variable }];
  });
  const ways = new Set(hits.map(({ slot }) => slot.auth));
  return [...ways].flatMap((way) => {
    const ofWay = hits.filter(({ slot }) => slot.auth === way);
    const [first] = ofWay;
    if (first === undefined) return [];
    const { connector, auth } = first.slot;
    const single = [...fieldsOf(connector, auth).values()].filter(({ property }) => property.writeOnly).length === 1;
    // Each key of its own is a connection of its own; parts that belong together are one.
    const sets = single ? ofWay.map((hit) => [hit]) : [firstOfEach(ofWay)];
    return sets.flatMap((set) => {
      const finding = findingOf(services, group, connector, auth, set);
      // Another name of a service is a weak sign: `LAMBDA_API_KEY` alone is none of Amazon's.
      return set.every(({ own }) => own) || finding.missing.length === 0 ? [finding] : [];
    });
  });
}

type Hit = { readonly slot: Slot; readonly own: boolean; readonly variable: Variable };

function firstOfEach(hits: readonly Hit[]): Hit[] {
  return [...new Map([...hits].reverse().map((hit) => [hit.slot.field, hit])).values()];
}

function findingOf<P>(
  services: Services,
  group: Group<P>,
  connector: Connector,
  auth: AuthMethod,
  hits: readonly Hit[],
): Finding<P> {
  const secrets = Object.fromEntries(hits.map(({ slot, variable }) => [slot.field, variable.value]));
  const inputs = inputsAround(services, group, connector, auth, new Set(Object.values(secrets)));
  const missing = Array.from(fieldsOf(connector, auth)).flatMap(([name, { required }]) =>
    required && secrets[name] === undefined && inputs[name] === undefined ? [name] : [],
  );
  return {
    connector,
    auth,
    secrets,
    inputs,
    missing,
    elsewhere: elsewhereIn(services, group, { connector, inputs, secrets: hits.map(({ variable }) => variable) }),
    shown: hits.map(({ slot, variable }) => masked(slot.property, variable.value)).join(', '),
    spots: group.variables.flatMap(({ place, value }) => {
      const field = Object.keys(secrets).find((one) => secrets[one] === value);
      return field === undefined ? [] : [{ place, field }];
    }),
  };
}

/** Fields that are no secrets, as variables of the same service give them: `JIRA_EMAIL`, `JIRA_URL`. */
function inputsAround<P>(
  services: Services,
  { variables, hints }: Group<P>,
  connector: Connector,
  auth: AuthMethod,
  secrets: ReadonlySet<string>,
): Record<string, string> {
  const slots = services.slots(connector.id).filter((slot) => slot.auth === auth && !slot.property.writeOnly);
  if (slots.length === 0) return {};
  const hinted = hintedBy(services, hints) === connector.id;
  const around = variables.flatMap(({ name, value }) => {
    if (secrets.has(value)) return [];
    const words = wordsOf(name);
    const named = services.named(words);
    if (named === null) return hinted ? [{ words, value }] : [];
    return named.id === connector.id ? [{ words: named.rest, value }] : [];
  });
  const fromHosts = Object.assign({}, ...around.map(({ value }) => hostInputs(auth, value)));
  return Object.fromEntries(
    slots.flatMap(({ field, property, words }) => {
      const [best] = around
        .map((one) => ({ ...one, likeness: likeness({ words: withAlike(words) }, one.words) }))
        // What is not a secret may be shown to others: what is called one is taken for no other field.
        .filter(({ words: name }) => !endsAsSecret(name) || endsAsSecret(wordsOf(field)))
        .filter(({ value, likeness }) => likeness > 0 && value !== '' && accepts(property, value))
        .sort((one, other) => other.likeness - one.likeness);
      const value = best?.value ?? fromHosts[field];
      return value !== undefined && accepts(property, value) ? [[field, value]] : [];
    }),
  );
}

/** What one service calls one thing and another service another. */
const alike: readonly (readonly string[])[] = [
  ['host', 'domain', 'url', 'endpoint'],
  ['email', 'mail', 'username', 'user', 'login'],
  ['site', 'subdomain', 'instance', 'shop', 'store', 'company'],
  ['organization', 'org', 'account'],
];

function withAlike(words: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...words, ...alike.filter((group) => group.some((word) => words.has(word))).flat()]);
}
