/** What is stored is made under the keys of that very moment. */
import type { Keyring } from '../seal/keyring.ts';

/**
 * What is to be stored. A function makes it of the keys as they are at the moment it is stored; it may run again. So
 * nothing that a process made under keys which it read before can arrive after they were changed.
 */
export type UnderKeys<T> = readonly T[] | ((keyring: Keyring) => readonly T[]);

/** What is to be stored, under these keys. */
export function made<T>(given: UnderKeys<T>, keyring: Keyring): readonly T[] {
  return typeof given === 'function' ? given(keyring) : given;
}
