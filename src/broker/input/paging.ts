/** Opaque cursors. A cursor says where to go on and carries no authority: every page is authorised by itself. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import type { Page } from '../../vault/vault.ts';
import { isId } from './text.ts';

export const defaultLimit = 20;
export const maxLimit = 100;
/** Rows that are read at a time where all are wanted. */
const pageSize = 100;

/** Every page of a list. Between two pages others have their turn: however long a list is, it keeps nobody waiting. */
export async function* pagesOf<Row extends NonNullable<Page['after']>>(
  list: (page: Page) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  for (let page: Page = { limit: pageSize }; ; ) {
    const rows = await list(page);
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (rows.length < pageSize || !last) return;
    page = { limit: pageSize, after: { createdAt: last.createdAt, id: last.id } };
    await nextTurn();
  }
}

/** Every row of a list. */
export async function allOf<Row extends NonNullable<Page['after']>>(
  list: (page: Page) => Promise<Row[]>,
): Promise<Row[]> {
  const all: Row[] = [];
  for await (const rows of pagesOf(list)) all.push(...rows);
  return all;
}

/** Packs a position into a cursor. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** Unpacks a cursor into as many parts, of the same types, as `shape` shows; `invalid_input` for anything else. */
export function decodeCursor<T extends readonly (string | number)[]>(cursor: string, shape: T): T {
  try {
    const position: unknown = parseJson(Buffer.from(cursor, 'base64url').toString());
    if (
      Array.isArray(position) &&
      position.length === shape.length &&
      position.every((part, index) => typeof part === typeof shape[index] && (isId(part) || isPosition(part)))
    ) {
      return position as unknown as T;
    }
  } catch {
    // Falls through: whatever was wrong with it, the answer is the same.
  }
  throw new KeywardError('invalid_input', 'cursor is not one that this list answered.', {
    hint: 'Leave cursor out to start over, or pass nextCursor unchanged.',
    details: { fields: { cursor: 'must be a nextCursor of this list' } },
  });
}

/** A row number or a time: nothing else reaches a query of the database. */
function isPosition(part: unknown): boolean {
  return typeof part === 'number' && Number.isSafeInteger(part) && part >= 0;
}
