/** How surely the pattern of a connector tells its keys from anybody else's. */
import { accepts } from '../../connectors/accepts.ts';
import type { InputProperty } from '../../connectors/connector.ts';

/**
 * - `own`: begins with three or more letters that the pattern demands (`ghp_`), which no other service uses
 * - `telling`: begins with two such parts (`sk_live_`), which a service outside the catalogue may use, too
 * - `allowed`: the pattern allows it, as it would other services' keys (`sk-`, 40 hex characters)
 * - `unknown`: there is no pattern
 * - `broken`: the pattern does not allow it
 */
type Shape = 'own' | 'telling' | 'allowed' | 'unknown' | 'broken';

/** How the value keeps the pattern of an input. */
export function shapeOf(property: InputProperty, value: string): Shape {
  if (!accepts(property, value)) return 'broken';
  if (property.pattern === undefined) return 'unknown';
  const [first, second] = partsOf(value);
  if (first === undefined || !demands(property, value, first)) return 'allowed';
  if (first.length > 3) return 'own';
  return second !== undefined && demands(property, value, second) ? 'telling' : 'allowed';
}

/** Most characters of a secret that are ever shown. */
const mostShown = 4;

/**
 * What of a value may be shown: the beginning that its pattern demands of every such key, at most four characters; nothing
 * of a value whose beginning may be its own.
 */
export function masked(property: InputProperty, value: string): string {
  const [first] = partsOf(value);
  const known = first !== undefined && property.pattern !== undefined && demands(property, value, first);
  return `${known ? first.slice(0, mostShown) : ''}••••`;
}

/** The first two parts of a value, with the separator behind them: `sk_`, `live_`. */
function partsOf(value: string): string[] {
  const parts = /^([a-z][a-z0-9]{0,15}[-_.])([a-z][a-z0-9]{0,15}[-_.])?/i.exec(value) ?? [];
  return parts.slice(1).filter((part) => part !== undefined);
}

/** True when the pattern refuses the value as soon as the letters of this part are others. */
function demands(property: InputProperty, value: string, part: string): boolean {
  const other = part.replace(/[a-z0-9]/gi, (one) => (one.toLowerCase() === 'q' ? 'j' : 'q'));
  return !accepts(
    property,
    value.replace(part, () => other),
  );
}
