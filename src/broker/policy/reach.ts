/** What a token may reach, as its owner reads it. */
import { hasCode } from '../../errors.ts';
import type { Limits, Owner } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { readerOf } from './access.ts';
import { limitsFrom, limitsInWords } from './limits.ts';

/**
 * Stored limits in words, with the names that the connections have now.
 *
 * @param owner whose token it is
 */
export async function reachInWords(broker: Broker, owner: Owner, stored: unknown): Promise<string> {
  let limits: Limits | undefined;
  try {
    limits = limitsFrom(stored);
  } catch (error) {
    if (hasCode(error, 'unauthenticated')) return 'nothing: this version can not read its limits';
    throw error;
  }
  const names = new Map<string, string>();
  for (const id of limits?.connections ?? []) {
    const credential = await broker.vault.findVisible(readerOf(broker, owner), id);
    if (credential !== undefined) names.set(id, credential.name);
  }
  return limitsInWords(limits, (id) => names.get(id) ?? null);
}
