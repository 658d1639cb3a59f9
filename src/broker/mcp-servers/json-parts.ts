/**
 * The parts of a JSON text, and where they stand in it. What is parsed tells neither of two members of one name, nor how a
 * number was written, so a text is looked at and cut where it stands. Every text was parsed before: it is JSON.
 */

import { parseJson } from '../../json.ts';

/** One value: `text.slice(start, end)`. */
type Part = { readonly start: number; readonly end: number };

/** A member of an object, by its name as a program reads it. */
type Member = Part & { readonly name: string };

/** The members of the object that begins at `at`, each time that a name stands there; none where no object begins. */
export function membersOf(text: string, at = 0): Member[] {
  return partsOf(text, at, '{').map(({ name, part }) => ({ name: nameIn(name), ...part }));
}

/** The entries of the list that begins at `at`; none where no list begins. */
export function entriesOf(text: string, at = 0): Part[] {
  return partsOf(text, at, '[').map(({ part }) => part);
}

/** True where an object in the text, however deep, has two members of one name. */
export function hasTwins(text: string): boolean {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '{' || sign === '[') open.push(sign === '{' ? new Set() : null);
    else if (sign === '}' || sign === ']') open.pop();
    if (sign !== '"') continue;
    const end = skipString(text, at);
    const names = open.at(-1);
    if (names && text[skipSpace(text, end)] === ':') {
      const name = nameIn(text.slice(at, end));
      if (names.has(name)) return true;
      names.add(name);
    }
    at = end - 1;
  }
  return false;
}

/** The text without those of these entries of one list that are not kept; it stays as it is written otherwise. */
export function keepEntries(text: string, entries: readonly Part[], kept: readonly boolean[]): string {
  const [first] = entries;
  const last = entries.at(-1);
  if (first === undefined || last === undefined) return text;
  const left = entries.filter((_, index) => kept[index]).map(({ start, end }) => text.slice(start, end));
  return `${text.slice(0, first.start)}${left.join(',')}${text.slice(last.end)}`;
}

/** A name is written plainly, but where it has escapes. */
function nameIn(quoted: string): string {
  return quoted.includes('\\') ? String(parseJson(quoted)) : quoted.slice(1, -1);
}

function partsOf(text: string, from: number, opening: '{' | '['): { name: string; part: Part }[] {
  let at = skipSpace(text, from);
  if (text[at] !== opening) return [];
  const parts: { name: string; part: Part }[] = [];
  for (;;) {
    // Behind the opening sign, or behind a comma.
    at = skipSpace(text, at + 1);
    if (text[at] === '}' || text[at] === ']') return parts;
    let name = '';
    if (opening === '{') {
      const end = skipValue(text, at);
      name = text.slice(at, end);
      at = skipSpace(text, skipSpace(text, end) + 1);
    }
    const end = skipValue(text, at);
    parts.push({ name, part: { start: at, end } });
    at = skipSpace(text, end);
    if (text[at] !== ',') return parts;
  }
}

const space = /[ \t\n\r]*/y;
const plainValue = /[^,\]}\s]*/y;

function skipSpace(text: string, at: number): number {
  space.lastIndex = at;
  space.test(text);
  return space.lastIndex;
}

function skipValue(text: string, at: number): number {
  const first = text[at];
  if (first === '"') return skipString(text, at);
  if (first !== '{' && first !== '[') {
    plainValue.lastIndex = at;
    plainValue.test(text);
    return plainValue.lastIndex;
  }
  for (let [depth, next] = [0, at]; next < text.length; next += 1) {
    const sign = text[next];
    if (sign === '"') next = skipString(text, next) - 1;
    else if (sign === '{' || sign === '[') depth += 1;
    else if (sign === '}' || sign === ']') {
      depth -= 1;
      if (depth === 0) return next + 1;
    }
  }
  return text.length;
}

function skipString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text[escapes - 1] === '\\') escapes -= 1;
    if ((end - escapes) % 2 === 0) return end + 1;
  }
  return text.length;
}
