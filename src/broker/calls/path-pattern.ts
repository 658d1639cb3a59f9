/**
 * Path patterns of a call policy, and paths in the one form in which they are compared. A path that a server could read
 * in two ways is refused, or has to match in each: whoever checks a path must not see another one than the service.
 */
import { oneLine } from '../input/text.ts';

/** The segments of a path or pattern, in both ways in which servers read an encoded slash. */
export type Segments = { readonly kept: readonly string[]; readonly split: readonly string[] };

/**
 * The segments of an absolute path, decoded once (RFC 3986 §2.4), so that `%72epos` is `repos`. Null for a path that no
 * rule can be sure about: dot segments in any spelling, backslashes, control characters, escapes within escapes, a query.
 */
export function segmentsOf(path: string): Segments | null {
  if (!path.startsWith('/') || /[?#]/.test(path)) return null;
  let kept: string[];
  try {
    kept = path.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
  const split = kept.flatMap((segment) => segment.split('/'));
  return split.every(isUnambiguous) ? { kept, split } : null;
}

/** True for a segment that every server reads alike. */
function isUnambiguous(segment: string): boolean {
  // Some servers fold look-alikes of these characters, and cut off spaces and `;parameters` before they resolve `..`. For
  // one that decodes twice the path ends at `?` and `#`.
  const folded = segment.normalize('NFKC');
  return ![segment, folded].some((text) => /[\p{Cc}\\/?#]|%[0-9a-f]{2}|^\.{1,2}\s*(;|$)/iu.test(text));
}

/** What is wrong with a pattern; null when it can be stored. */
export function problemOfPattern(pattern: string): string | null {
  const segments = segmentsOf(pattern);
  // A line break or a change of direction would show the owner another pattern than the one that holds.
  if (segments === null || oneLine(pattern, pattern.length) !== pattern)
    return 'must be a path that starts with / and has no query and no dot segments';
  const { split } = segments;
  if (split.some((segment, at) => segment.includes('*') && !isWildcard(segment, at === split.length - 1))) {
    return 'may hold * only as a whole segment, and ** only as the last one';
  }
  return null;
}

function isWildcard(segment: string, last: boolean): boolean {
  return segment === '*' || (segment === '**' && last);
}

/** True when the pattern matches a path, or covers all that another pattern matches. */
export function covers(pattern: Segments, other: Segments): boolean {
  return covered(pattern.kept, other.kept) && covered(pattern.split, other.split);
}

function covered(pattern: readonly string[], other: readonly string[]): boolean {
  const rest = pattern.at(-1) === '**';
  const fixed = rest ? pattern.slice(0, -1) : pattern;
  if (other.length < fixed.length || (!rest && other.length > fixed.length)) return false;
  return fixed.every((segment, at) => {
    const asked = other[at] ?? '';
    // An empty segment is none to servers that fold `//`.
    return segment === '*' ? asked !== '' && asked !== '**' : segment === asked;
  });
}

/** False only for a path that no server takes for one of this pattern, as far as servers fold paths. */
export function mayMatch(pattern: string, path: Segments): boolean {
  const own = segmentsOf(pattern);
  if (own === null) return true;
  return [own.kept, own.split].some((one) => [path.kept, path.split].some((other) => mayCover(one, other)));
}

function mayCover(pattern: readonly string[], path: readonly string[]): boolean {
  // Servers fold `//` and a slash at the end.
  const own = pattern.filter((segment) => segment !== '').map((segment) => folded(segment) || segment);
  const given = path.map(folded).filter((segment) => segment !== '');
  const rest = own.at(-1) === '**';
  const fixed = rest ? own.slice(0, -1) : own;
  if (given.length < fixed.length || (!rest && given.length > fixed.length)) return false;
  return fixed.every((segment, at) => segment === '*' || segment === given[at]);
}

/** Capital letters, look-alikes, `;parameters`, spaces and the name of a format at the end mean nothing to some servers. */
function folded(segment: string): string {
  const plain = segment.normalize('NFKC').toLowerCase().replace(/;.*$/s, '').trim();
  return plain.replace(/(?<=.)\.[^.]*$/, '');
}
