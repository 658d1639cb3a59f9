/** Counters that all processes of a vault share. An address or a user's name is nobody's business in a table. */
import { createHmac } from 'node:crypto';
import { deriveKey } from '../seal/seal.ts';
import type { CountTogether } from '../store/counting.ts';
import type { Store } from '../store/store.ts';

/** The store's counters under names that only this vault can compute; null when the store has none. */
export function underHiddenNames(store: Pick<Store, 'keyring' | 'countTogether'>): CountTogether | null {
  const { countTogether } = store;
  if (countTogether === null) return null;
  return async (more, windowMs) => {
    const key = deriveKey(store.keyring, 'counter');
    const names = new Map<string, string>();
    for (const name of more.keys()) names.set(createHmac('sha256', key).update(name).digest('base64url'), name);
    const hidden = new Map([...names].map(([digest, name]) => [digest, more.get(name) ?? 0]));
    const standings = await countTogether(hidden, windowMs);
    return new Map([...standings].map(([digest, standing]) => [names.get(digest) ?? digest, standing]));
  };
}
