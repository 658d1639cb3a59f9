/**
 * What the owner of a connection saw of an MCP server's tools and prompts. One row a connection, which changes
 * together with `seenTools` of the credential: so whoever has read the credential knows whether what it remembers is
 * the newest, and reads nothing more.
 */
import { randomBytes } from 'node:crypto';
import { hasCode } from '../../errors.ts';
import type { Credential, SeenDefinitions, SeenTools, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { amend } from '../grants/amend.ts';
import { ownerOf } from '../grants/oauth-context.ts';
import {
  type AnyItem,
  comparedOf,
  type Definition,
  digestOf,
  isCompared,
  isNameable,
  keyOf,
  type Listed,
  listedIn,
  listOf,
  maxItems,
  notedStanding,
  type Standing,
  standingOf,
} from './definitions.ts';
import { digestsOf, type Known, knownAs, knownBy, rememberNow, takeWrite, unknown, waitingIn } from './known.ts';
import { merged, noneSeen, nothingListed } from './merge.ts';

export type { Definition, Standing } from './definitions.ts';

/**
 * How the items of a connection stand. Before its list was read an item counts as seen: nothing tells what it was, and the
 * first list is what the owner saw. A resource always does.
 */
export async function seenBy(broker: Broker, credential: Credential): Promise<(item: AnyItem) => Standing> {
  const known = await knownOf(broker, credential);
  return (item) => {
    if (!isCompared(item)) return 'seen';
    if (!isNameable(item)) return 'new';
    if (known === null) return 'seen';
    const digests = digestsOf(known, item);
    if (digests !== undefined) return notedStanding(digests);
    return known.unread[listOf(item)] === null ? 'seen' : 'new';
  };
}

/** A text that changes with the definition of an item; what was allowed of the one before does not hold for it. */
export async function markOf(broker: Broker, credential: Credential, item: AnyItem): Promise<string> {
  const { seen = null, now = null } = digestsOf(await knownOf(broker, credential), item) ?? {};
  return JSON.stringify([keyOf(item), now ?? seen]);
}

/**
 * Notes a list of a server, or a part of one, as it passes: the first one is what the owner saw, and of later ones it is
 * remembered what is new or changed. Answers the standing of each definition.
 *
 * @param more whether the server says that more of the list follows (`nextCursor`)
 */
export async function observe(
  broker: Broker,
  credential: Credential,
  definitions: readonly Definition[],
  more = false,
): Promise<readonly Standing[]> {
  const listed = listedIn(definitions);
  const standings = (known: Known | null) =>
    definitions.map(({ item }) => {
      if (!isCompared(item)) return 'seen';
      const one = listed.get(keyOf(item));
      return one === undefined ? 'new' : standingOf(digestsOf(known, item), one);
    });
  const known = await knownOf(broker, credential);
  const compared = [...listed.values()];
  const isRead = known !== null && !compared.some(({ item }) => listOf(item) in known.unread);
  if (compared.length === 0 || (isRead && compared.every((one) => isNoted(known, one)))) return standings(known);
  if (!takeWrite(broker, credential.id)) {
    // Not written for now, and not used either.
    if (known !== null) for (const one of compared) rememberChange(known, one);
    return standings(known);
  }
  return standings(await note(broker, credential, (before) => merged(before, definitions, { more, now: Date.now() })));
}

/** Whether nothing of a name would be noted. */
function isNoted(known: Known, listed: Listed): boolean {
  const digests = digestsOf(known, listed.item);
  if (digests === undefined) return known.digests.size >= maxItems;
  return (digests.now ?? digests.seen) === digestOf(comparedOf(listed, digests.seen));
}

/** What was seen, and is something else now, waits. */
function rememberChange(known: Known, listed: Listed): void {
  const digests = digestsOf(known, listed.item);
  if (digests === undefined || digests.now !== null || standingOf(digests, listed) !== 'changed') return;
  rememberNow(known, listed.item, digestOf(comparedOf(listed, digests.seen)));
}

/**
 * Stores what `change` makes of what is known of a connection's server, and answers that. It may run again when somebody
 * else noted something at the same time.
 */
export async function note(
  broker: Broker,
  credential: Credential,
  change: (before: SeenDefinitions) => SeenDefinitions,
): Promise<Known> {
  let made: Known = unknown;
  const mark = randomBytes(12).toString('base64url');
  const store = (keep: boolean) =>
    amend(broker, credential, async (now) => {
      const row = await rowOf(broker, now);
      const before = await definitionsOf(broker, now, row);
      const next = keep ? change(before) : noneSeen;
      if (next === before && row !== undefined) {
        made = knownAs(now.seenTools ?? { row: row.version }, next);
        return null;
      }
      made = knownAs({ row: keep ? (row?.version ?? 0) + 1 : 0, mark }, next);
      const { id, tenant, owner } = now;
      const kept: VaultChange = row
        ? { op: 'update', kind: 'seenTools', record: row, secret: next }
        : { op: 'create', kind: 'seenTools', record: { id, tenant, owner }, secret: next };
      const waiting = waitingIn(made);
      const noRoom = row ? [{ op: 'delete', kind: 'seenTools', record: row } as const] : [];
      return { record: { ...now, seenTools: { row: made.row, mark, ...waiting } }, alongside: keep ? [kept] : noRoom };
    });
  try {
    await store(true);
  } catch (error) {
    // Without room for them nothing was seen: to call it anyway would be to trust what nobody looked at.
    if (!hasCode(error, 'limit_reached')) throw error;
    await store(false);
  }
  knownBy(broker).set(credential.id, made);
  return made;
}

/** What is known of a connection's server, with the definitions; null before anything was listed. */
export async function readSeen(broker: Broker, credential: Credential): Promise<SeenDefinitions | null> {
  return credential.seenTools ? definitionsOf(broker, credential, await rowOf(broker, credential)) : null;
}

/** The change that ends what was seen, for the commit that ends its credential, or takes that to another server. */
export async function forgetSeen(broker: Broker, credential: Credential): Promise<VaultChange[]> {
  const row = await rowOf(broker, credential);
  return row ? [{ op: 'delete', kind: 'seenTools', record: row }] : [];
}

function rowOf(broker: Broker, credential: Credential): Promise<SeenTools | undefined> {
  return broker.vault.get('seenTools', ownerOf(credential), credential.id);
}

/** A row that does not open, or is gone, says that nothing was seen; so does one that its credential knows nothing of. */
async function definitionsOf(
  broker: Broker,
  { seenTools }: Credential,
  row: SeenTools | undefined,
): Promise<SeenDefinitions> {
  if (!seenTools) return nothingListed;
  if (row === undefined) return noneSeen;
  return broker.vault.open('seenTools', row).catch((error: unknown) => {
    if (hasCode(error, 'vault_damaged', 'not_found')) return noneSeen;
    throw error;
  });
}

async function knownOf(broker: Broker, credential: Credential): Promise<Known | null> {
  if (!credential.seenTools) return null;
  const cached = knownBy(broker).get(credential.id);
  const { row: version, mark } = credential.seenTools;
  if (cached?.row === version && cached.mark === mark) return cached;
  const row = await rowOf(broker, credential);
  const known = knownAs(credential.seenTools, await definitionsOf(broker, credential, row));
  knownBy(broker).set(credential.id, known);
  return known;
}
