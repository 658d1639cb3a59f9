/** Which connection is meant by a word: its id, its name, or its connector where there is one of it. */
import { type BoundedMap, boundedMap } from '../../bounded-map.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential, Vault } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { idIn, quoted } from '../input/text.ts';
import { storedFrom } from '../policy/limits.ts';
import { reachedOwn } from './reached.ts';

/** Most connections that are looked through for a word; whoever has more says the id. */
const maxLooked = 1_000;
/** Most connections that an error names. */
const mostNamed = 5;
/** How long it is remembered what a word meant, in milliseconds. */
const rememberedMs = 5_000;

const lately = new WeakMap<Vault, BoundedMap<string, { readonly id: string; readonly until: number }>>();

/**
 * The caller's own connections that a word fits. An assistant can name one as it likes, and another user can share one: a
 * word that fits several is never guessed, and what belongs to somebody else is meant by its id alone.
 */
export async function ownMeant(broker: Broker, principal: Principal, word: string): Promise<Credential[]> {
  const rows: Credential[] = [];
  for await (const row of reachedOwn(broker, principal)) {
    rows.push(row);
    if (rows.length <= maxLooked) continue;
    throw new KeywardError('invalid_input', `You have more than ${maxLooked} connections: a name is not looked for.`, {
      hint: 'Use the id of the connection.',
    });
  }
  return rows.filter((row) => fits(row, word));
}

/**
 * The id of the connection that a word means, for a program that calls again and again.
 *
 * @throws KeywardError `not_found`, and `invalid_input` that lists the ids where several fit
 */
export async function idMeant(broker: Broker, principal: Principal, word: string): Promise<string> {
  const id = idIn(word);
  if (id !== null) return id;
  const { tenant, user, limits } = principal;
  const known = lately.get(broker.vault) ?? boundedMap(1_000);
  lately.set(broker.vault, known);
  const key = JSON.stringify([tenant, user, word.toLowerCase(), storedFrom(limits)]);
  const before = known.get(key);
  if (before !== undefined && before.until > performance.now()) {
    const row = await broker.vault.get('credential', principal, before.id);
    if (row !== undefined && fits(row, word)) return row.id;
  }
  const fitting = await ownMeant(broker, principal, word);
  const [only] = fitting;
  if (only === undefined) {
    throw new KeywardError('not_found', `There is no connection ${quoted(word)}.`, {
      hint: 'Call list_credentials to see what there is.',
    });
  }
  if (fitting.length > 1) throw severalMeant(word, fitting);
  known.set(key, { id: only.id, until: performance.now() + rememberedMs });
  return only.id;
}

type Named = { readonly id: string; readonly name: string; readonly account?: string | null | undefined };

/** The error for a word that fits several of these. */
export function severalMeant(
  word: string,
  fitting: readonly Named[],
  message = `${fitting.length} connections are called ${quoted(word)}.`,
): KeywardError {
  const some = fitting
    .slice(0, mostNamed)
    .map(({ id, name, account }) => `${id} (${[name, account].filter(Boolean).join(', ')})`);
  const more = fitting.length > mostNamed ? ` and ${fitting.length - mostNamed} more` : '';
  return new KeywardError('invalid_input', message, {
    hint: `Use the id of one of them: ${some.join(', ')}${more}.`,
  });
}

function fits({ name, connectorId }: Pick<Credential, 'name' | 'connectorId'>, word: string): boolean {
  return [name, connectorId].some((one) => one.toLowerCase() === word.toLowerCase());
}
