/** Limits of tokens: how they are stored, how they narrow, and what they say in words. */
import { KeywardError } from '../../errors.ts';
import type { Limits } from '../../principal.ts';
import type { StoredLimits } from '../../vault/vault.ts';
import { quoted } from '../input/text.ts';

export type { StoredLimits };

/** What limits are held against: a connection, or what is about one; without an id it is about none that there is yet. */
type Subject = { readonly id: string | null; readonly connectorId: string };

/** True for what is within the limits. Whoever has chosen connections makes no new ones. */
export function isWithin(limits: Limits | undefined, { id, connectorId }: Subject): boolean {
  const { connections, connectors } = limits ?? {};
  if (connections !== undefined && (id === null || !connections.has(id))) return false;
  return connectors === undefined || connectors.has(connectorId);
}

/** True where not all connections are in reach. */
export function isLimited(limits: Limits | undefined): boolean {
  return limits?.connections !== undefined || limits?.connectors !== undefined;
}

/**
 * The limits of a row; undefined for a row that has none.
 *
 * @throws KeywardError `unauthenticated` for what this version can't read: a limit that is not understood can't be kept
 */
export function limitsFrom(stored: unknown): Limits | undefined {
  if (stored === undefined || stored === null) return undefined;
  if (typeof stored !== 'object' || Array.isArray(stored)) throw unreadable();
  const { connections, connectors, readOnly, ...unknown } = stored as Record<string, unknown>;
  if (Object.keys(unknown).length > 0 || !['undefined', 'boolean'].includes(typeof readOnly)) throw unreadable();
  const [ids, services] = [setOf(connections), setOf(connectors)];
  const limits = {
    ...(ids && { connections: ids }),
    ...(services && { connectors: services }),
    ...(readOnly === true && { readOnly: true }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** The limits as a row keeps them; undefined where there are none. */
export function storedFrom(limits: Limits | undefined): StoredLimits | undefined {
  const { connections, connectors, readOnly } = limits ?? {};
  const stored = {
    ...(connections && { connections: [...connections].sort() }),
    ...(connectors && { connectors: [...connectors].sort() }),
    ...(readOnly && { readOnly }),
  };
  return Object.keys(stored).length === 0 ? undefined : stored;
}

/** What is within both: a token with limits makes narrower ones, and never a wider one. */
export function narrower(limits: Limits | undefined, asked: Limits | undefined): Limits | undefined {
  return limitsFrom({
    connections: listOfBoth(limits?.connections, asked?.connections),
    connectors: listOfBoth(limits?.connectors, asked?.connectors),
    readOnly: Boolean(limits?.readOnly || asked?.readOnly),
  });
}

/**
 * The limits as a person reads them, such as `the connections of github, slack, for reading only`.
 *
 * @param nameOf the name of a connection, by its id; null for one that is gone
 */
export function limitsInWords(limits: Limits | undefined, nameOf: (id: string) => string | null = () => null): string {
  const { connections, connectors, readOnly = false } = limits ?? {};
  const chosen = connections && inList([...connections].map((id) => shown(nameOf(id), id)));
  const services = connectors && inList([...connectors]);
  const which = [
    ...(chosen === undefined ? [] : [chosen === '' ? 'no connection' : `the connections ${chosen}`]),
    ...(services === undefined ? [] : [services === '' ? 'no service' : `the connections of ${services}`]),
  ];
  const words = which.join(', and of these only ') || 'all connections';
  return readOnly ? `${words}, for reading only` : words;
}

function shown(name: string | null, id: string): string {
  return name === null ? id : quoted(name);
}

function inList(texts: readonly string[]): string {
  return [...texts].sort().join(', ');
}

function setOf(list: unknown): ReadonlySet<string> | undefined {
  if (list === undefined) return undefined;
  if (Array.isArray(list) && list.every((one) => typeof one === 'string')) return new Set<string>(list);
  throw unreadable();
}

function listOfBoth(
  one: ReadonlySet<string> | undefined,
  other: ReadonlySet<string> | undefined,
): string[] | undefined {
  const both = one && other ? [...one].filter((id) => other.has(id)) : [...(one ?? other ?? [])];
  return one || other ? both : undefined;
}

function unreadable(): KeywardError {
  return new KeywardError('unauthenticated', 'This version of Keyward can not read the limits of this token.', {
    hint: 'Use the version that made the token, or make another token.',
  });
}
