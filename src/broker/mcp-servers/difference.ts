/** Definitions of tools and prompts as text for a person, and what changed in one. */
import { visible, visibleName } from '../../text.ts';
import type { ServedDefinition } from '../../vault/vault.ts';

/**
 * A definition as plain text: each field with its name, the description line by line. Nothing in it is unseen, and its
 * name looks like no other.
 */
export function definitionText(definition: ServedDefinition): string {
  const fields = Object.entries(definition).map(([name, value]) =>
    typeof value === 'string'
      ? `${name}: ${name === 'name' ? visibleName(value) : value}`
      : `${name}: ${JSON.stringify(value, null, 2)}`,
  );
  return visible(fields.join('\n'));
}

/** A line of a difference, and which of the two texts it is in. */
type DifferenceLine = { readonly sign: ' ' | '-' | '+'; readonly text: string };

/** As many lines around a change tell where it is. */
const around = 2;

/** What changed between two texts: the lines from the first that differs to the last, and a few around them. */
export function differenceOf(before: string | null, after: string): DifferenceLine[] {
  const next = after.split('\n');
  if (before === null) return next.map((text) => ({ sign: '+', text }));
  const old = before.split('\n');
  const most = Math.min(old.length, next.length);
  let [first, last] = [0, 0];
  while (first < most && old[first] === next[first]) first += 1;
  while (last < most - first && old.at(-1 - last) === next.at(-1 - last)) last += 1;
  const lines = (sign: DifferenceLine['sign'], texts: readonly string[]) => texts.map((text) => ({ sign, text }));
  return [
    ...lines(' ', next.slice(Math.max(0, first - around), first)),
    ...lines('-', old.slice(first, old.length - last)),
    ...lines('+', next.slice(first, next.length - last)),
    ...lines(' ', next.slice(next.length - last, next.length - last + around)),
  ];
}
