/** Of which service a variable holds a secret, and in which of its fields. */
import { canBeSecret } from './likeness.ts';
import type { Services, Slot } from './services.ts';
import { shapeOf } from './shape.ts';
import { endsAsSecret, neutralWords, wordsOf } from './words.ts';

/** A name and its value, in a file or in the environment. */
export type Variable = { readonly name: string; readonly value: string };

/** A recognised secret; `own` where the service is called by its own name or by the form of the key. */
type Recognised = { readonly slot: Slot; readonly own: boolean };

/**
 * What the variable holds; null for nothing, and for what could be of several services: to ask the wrong one whether it
 * takes a key would give that key away.
 *
 * @param hints texts around it that may name the service, such as the name of an MCP server; they count where the variable's
 * own name says nothing
 */
export function recognise(services: Services, { name, value }: Variable, hints: readonly string[]): Recognised | null {
  if (!canBeSecret(value)) return null;
  const words = wordsOf(name);
  const named = services.named(words);
  if (named !== null) {
    const slot = slotFor(services.slots(named.id), named.rest, value);
    return slot && { slot, own: named.own };
  }
  const hinted = hintedBy(services, hints);
  const shaped = services.shaped.filter(({ property }) => {
    const shape = shapeOf(property, value);
    return shape === 'own' || (shape === 'telling' && words.every((word) => neutralWords.has(word)));
  });
  const ids = new Set(shaped.map(({ connector }) => connector.id));
  const slot =
    ids.size === 1 ? (shaped[0] ?? null) : hinted === null ? null : slotFor(services.slots(hinted), words, value);
  return slot && { slot, own: true };
}

/** The one service that these texts name by its own name. */
export function hintedBy(services: Services, hints: readonly string[]): string | null {
  const named = hints.flatMap((hint) => services.named(wordsOf(hint)) ?? []).filter(({ own }) => own);
  const ids = new Set(named.map(({ id }) => id));
  return ids.size === 1 ? (named[0]?.id ?? null) : null;
}

/** The secret field that the words of a name mean, once those of the service are taken out. */
function slotFor(slots: readonly Slot[], words: readonly string[], value: string): Slot | null {
  const possible = slots.flatMap((slot) => {
    const shape = shapeOf(slot.property, value);
    return shape === 'broken' ? [] : [{ slot, shape, likeness: likeness(slot, words) }];
  });
  const telling = possible.find(
    ({ slot, shape }) => slot.property.writeOnly && (shape === 'own' || shape === 'telling'),
  );
  if (telling !== undefined) return telling.slot;
  if (!endsAsSecret(words)) return null;
  const [best, next] = possible.sort((one, other) => other.likeness - one.likeness || rank(other) - rank(one));
  if (best === undefined || !best.slot.property.writeOnly) return null;
  // Of two fields that are equally likely, neither is meant.
  const unclear = next !== undefined && best.likeness === 0 && next.slot.property.writeOnly;
  return !unclear &&
    words.every((word) => neutralWords.has(word) || best.slot.words.has(word) || /^\d{1,2}$/.test(word))
    ? best.slot
    : null;
}

/** A pattern that allows the value says more than none; else what looks like a secret is the secret field. */
function rank({ slot, shape }: { readonly slot: Slot; readonly shape: string }): number {
  return (shape === 'allowed' ? 2 : 0) + (slot.property.writeOnly ? 1 : 0);
}

/** How many of the words the field is called by. */
export function likeness(slot: Pick<Slot, 'words'>, words: readonly string[]): number {
  return words.filter((word) => slot.words.has(word)).length;
}
