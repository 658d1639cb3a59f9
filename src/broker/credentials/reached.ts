/** The connections that there are for a caller, in the order of lists: its own, then what others share with it, oldest first. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Principal } from '../../principal.ts';
import type { Credential, Reader, VisiblePage } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
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

/** Rows that are read at a time for a token that may reach few of them. */
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

/** Where the list goes on after this row. */
export function placeOf(reader: Reader, row: Credential): Place {
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
