/** Opaque cursors. A cursor says where to go on and carries no authority: every page is authorised by itself. */

import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { isId } from './text.ts';

export const defaultLimit = 20;
export const maxLimit = 100;

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
