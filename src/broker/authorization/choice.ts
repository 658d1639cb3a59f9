/** What a person may give a program, and what they chose to give on the page that asks them. Knows no HTTP. */
import { KeywardError } from '../../errors.ts';
import type { Scope } from '../../principal.ts';
import type { StoredLimits } from '../../vault/vault.ts';
import { storedFrom } from '../policy/limits.ts';

/** Every scope that a person can give: acting for others and reading the log of everybody are not theirs to give. */
export const grantable: readonly Scope[] = [
  'credentials:read',
  'credentials:write',
  'credentials:use',
  'credentials:release',
  'credentials:share',
];

/** Those that a person gives one by one: they hand out secrets, or widen who has access. */
export const givenByName: readonly Scope[] = ['credentials:release', 'credentials:share'];

/** For how many days a program can be let in. */
export const lifetimesInDays = [1, 7, 30, 90, 365] as const;
export const usualLifetimeInDays = 30;

/** What was chosen, as a form says it. */
export type Chosen = {
  /** `all`, `connections` or `connectors`. */
  readonly which: string;
  readonly connections: readonly string[];
  readonly connectors: readonly string[];
  readonly readOnly: boolean;
  readonly days: number;
  /** Which of {@link givenByName} are given. */
  readonly scopes: readonly string[];
};

/** What there is to choose from. */
type Offered = { readonly connections: ReadonlySet<string>; readonly connectors: ReadonlySet<string> };

/**
 * What the person gives, out of what the program asked for and what there is.
 *
 * @throws KeywardError `invalid_input` in words for the person
 */
export function readChoice(
  asked: readonly Scope[],
  offered: Offered,
  chosen: Chosen,
): { readonly scopes: readonly Scope[]; readonly limits?: StoredLimits; readonly endsAt: number } {
  if (!(lifetimesInDays as readonly number[]).includes(chosen.days)) throw unclear('Choose for how long.');
  const scopes = asked.filter((scope) => !givenByName.includes(scope) || chosen.scopes.includes(scope));
  const limits = storedFrom({ ...connectionsIn(offered, chosen), readOnly: chosen.readOnly });
  return { scopes, ...(limits && { limits }), endsAt: Date.now() + chosen.days * 86_400_000 };
}

function connectionsIn(offered: Offered, { which, connections, connectors }: Chosen) {
  if (which === 'all') return {};
  if (which === 'connections') return { connections: someOf(connections, offered.connections) };
  if (which === 'connectors') return { connectors: someOf(connectors, offered.connectors) };
  throw unclear('Choose which connections it may see.');
}

function someOf(given: readonly string[], offered: ReadonlySet<string>): ReadonlySet<string> {
  const known = given.filter((id) => offered.has(id));
  if (known.length === 0) throw unclear('Choose at least one connection or service.');
  return new Set(known);
}

function unclear(message: string): KeywardError {
  return new KeywardError('invalid_input', message);
}
