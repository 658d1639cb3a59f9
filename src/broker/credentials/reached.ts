/** The connections that there are for a caller, in the order of lists: its own, then what others share with it, oldest first. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Principal } from '../../principal.ts';
import type { Credential, Reader, VisiblePage } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { decodeCursor, encodeCursor } from '../input/paging.ts';
import { accessOf, reaches, readerOf } from '../policy/access.ts';
import { isLimited } from '../policy/limits.ts';

/** A place in the list: what comes after this row. */
type Place = NonNullable<VisiblePage['after']>;

type Wanted = {
  readonly filter?: { readonly connectorId?: string; readonly status?: string };
  /** Left out: from the beginning. */
  readonly after?: Place | undefined;
  /** Rows that are read at a time. */
  readonly pageSize?: number;
};

/** Rows that are read at a time where few of them may be answered. */
const limitedPage = 500;

/** One after the other, and none that is out of the caller's reach: no count and no place in the list tells of such a row. */
export async function* reached(broker: Broker, principal: Principal, wanted: Wanted = {}): AsyncGenerator<Credential> {
  const { filter = {}, pageSize = 100 } = wanted;
  const reader = readerOf(broker, principal);
  const { limits } = principal;
  if (limits?.connections !== undefined) {
    yield* await chosen(broker, principal, reader, limits.connections, wanted);
    return;
  }
  const limit = isLimited(limits) ? limitedPage : pageSize;
  for (let { after } = wanted; ; ) {
    const rows = await broker.vault.listVisible(reader, filter, { limit, ...(after && { after }) });
    // What reaches somebody is written in the row itself; an index of it may be of an older Keyward's making.
    for (const row of rows) if (reaches(principal, reader, row)) yield row;
    const last = rows.at(-1);
    if (rows.length < limit || !last) return;
    after = placeOf(reader, last);
    // What is shared comes last, and is nobody's to act on for somebody else.
    if (after.shared && principal.actor !== undefined) return;
    await nextTurn();
  }
}

/** The caller's own connections alone. */
export async function* reachedOwn(
  broker: Broker,
  principal: Principal,
  filter: Wanted['filter'] = {},
): AsyncGenerator<Credential> {
  const reader = readerOf(broker, principal);
  for await (const row of reached(broker, principal, { filter })) {
    if (accessOf(reader, row) !== 'owner') return;
    yield row;
  }
}

/** Most rows that one page looks through for those that are wanted. */
const maxLooked = 20_000;

/**
 * One page of them, and the cursor of the next. Where only some are `wanted` it looks so far and no further: the page then
 * holds fewer than `limit`, or none, and still says where to go on.
 *
 * @throws KeywardError `invalid_input` for a cursor of another list
 */
export async function reachedPage(
  broker: Broker,
  principal: Principal,
  page: Pick<Wanted, 'filter'> & {
    readonly cursor?: string | undefined;
    readonly limit: number;
    readonly wanted?: (row: Credential) => boolean;
  },
): Promise<{ readonly rows: readonly Credential[]; readonly nextCursor?: string }> {
  const { filter = {}, cursor, limit, wanted } = page;
  const reader = readerOf(broker, principal);
  const [shared, createdAt, id] =
    cursor === undefined ? [] : decodeCursor(cursor, [0, 0, ''] as [number, number, string]);
  const after = createdAt === undefined || id === undefined ? undefined : { shared: shared === 1, createdAt, id };
  const rows: Credential[] = [];
  let [looked, last]: [number, Credential | undefined] = [0, undefined];
  // One row more than asked for tells whether there is a next page.
  const pageSize = wanted === undefined ? limit + 1 : limitedPage;
  for await (const row of reached(broker, principal, { filter, after, pageSize })) {
    const isMore = rows.length === limit && (wanted?.(row) ?? true);
    if (last !== undefined && (isMore || looked === maxLooked)) return { rows, nextCursor: cursorOf(reader, last) };
    if (wanted?.(row) ?? true) rows.push(row);
    [looked, last] = [looked + 1, row];
  }
  return { rows };
}

function cursorOf(reader: Reader, row: Credential): string {
  const place = placeOf(reader, row);
  return encodeCursor([place.shared ? 1 : 0, place.createdAt, place.id]);
}

/** Where the list goes on after this row. */
function placeOf(reader: Reader, row: Credential): Place {
  return { shared: accessOf(reader, row) !== 'owner', createdAt: row.createdAt, id: row.id };
}

/** Each is looked up by itself: how many others there are makes no difference. */
async function chosen(
  broker: Broker,
  principal: Principal,
  reader: Reader,
  ids: ReadonlySet<string>,
  { filter = {}, after }: Wanted,
): Promise<Credential[]> {
  const found = await Promise.all([...ids].map((id) => broker.vault.findVisible(reader, id)));
  return found
    .filter((row) => row !== undefined)
    .filter((row) => reaches(principal, reader, row))
    .filter(
      ({ connectorId, status }) =>
        (filter.connectorId ?? connectorId) === connectorId && (filter.status ?? status) === status,
    )
    .filter((row) => after === undefined || inOrder(after, placeOf(reader, row)) < 0)
    .sort((one, other) => inOrder(placeOf(reader, one), placeOf(reader, other)));
}

function inOrder(one: Place, other: Place): number {
  return (
    Number(one.shared) - Number(other.shared) ||
    one.createdAt - other.createdAt ||
    (one.id < other.id ? -1 : Number(one.id > other.id))
  );
}
