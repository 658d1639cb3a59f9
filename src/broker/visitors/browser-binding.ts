/**
 * What binds an attempt, or an approval, to one browser. The values are derived from the attempt's key and the browser's cookie, so a
 * GET stores nothing, a prefetch consumes nothing, and a link alone is worth nothing (RFC 6749 §10.12, RFC 9700 §4.7).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isId } from '../input/text.ts';

/** The OAuth `state` for this attempt and browser: `<attempt id>.<keyed digest>`. */
export function stateFor(attemptId: string, key: string, browser: string): string {
  return `${attemptId}.${digest(key, 'state', attemptId, browser)}`;
}

/** The attempt that a received `state` names, without any promise that it is genuine. */
export function attemptOf(state: string): string | null {
  const id = state.slice(0, 36);
  return isId(id) && state[36] === '.' ? id : null;
}

/** The token that forms of this attempt or approval carry in this browser. */
export function csrfFor(attemptId: string, key: string, browser: string): string {
  return digest(key, 'csrf', attemptId, browser);
}

/** What the link of an approval carries where nobody signs in: only whoever was shown the link has it. */
export function linkTokenFor(approvalId: string, key: string): string {
  return digest(key, 'link', approvalId);
}

/** Compares in constant time. */
export function equalInConstantTime(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}

function digest(key: string, ...parts: readonly string[]): string {
  // The parts have fixed lengths or forms that hold no NUL, so joining is unambiguous.
  return createHmac('sha256', Buffer.from(key, 'base64url')).update(parts.join('\u0000')).digest('base64url');
}
