/** `.env` files: the variables in them, and putting other values in their places while every other byte stays. */
import { isDeepStrictEqual, parseEnv } from 'node:util';

/** A variable, and where its value stands, without its quotes. */
type Line = { readonly name: string; readonly value: string; readonly from: number; readonly to: number };

const beginning = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]{0,200})[ \t]*=[ \t]*/;

/**
 * The variables whose value stands on one line, as Node reads them (`util.parseEnv`); those that it would read otherwise
 * are left out. A name that stands twice is listed twice.
 */
export function linesOf(text: string): Line[] {
  const read = readEnv(text);
  const found: Line[] = [];
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(at, end);
    const [head, name = ''] = beginning.exec(line) ?? [];
    let next = end + 1;
    if (head !== undefined) {
      const from = at + head.length;
      const [first = ''] = line.slice(head.length);
      const close = /["'`]/.test(first) ? text.indexOf(first, from + 1) : -1;
      if (close === -1) {
        const value = line.slice(head.length).split('#')[0]?.trimEnd() ?? '';
        found.push({ name, value, from, to: from + value.length });
      } else if (close < end) found.push({ name, value: text.slice(from + 1, close), from: from + 1, to: close });
      // A value of several lines: what is in it is no variable.
      else next = text.indexOf('\n', close) === -1 ? text.length : text.indexOf('\n', close) + 1;
    }
    at = next;
  }
  const last = new Map(found.map((line) => [line.name, line]));
  return found.filter(({ name }) => read[name] === last.get(name)?.value);
}

/**
 * The text with other values for these variables, and in its comments, too.
 *
 * @param values name → the value that it must have now, and the one that it gets
 * @returns null when the file can't be changed without changing more
 */
export function withValues(
  text: string,
  values: readonly { readonly name: string; readonly old: string; readonly new: string }[],
): string | null {
  const edits = linesOf(text).flatMap((line) => {
    const change = values.find(({ name, old }) => name === line.name && old === line.value);
    return change === undefined ? [] : [{ ...line, value: change.new }];
  });
  const edited = edits
    .reverse()
    .reduce((all, { from, to, value }) => all.slice(0, from) + value + all.slice(to), text)
    .replace(/^[ \t]*#.*$/gm, (comment) => values.reduce((all, one) => all.replaceAll(one.old, one.new), comment));
  const expected = { ...readEnv(text), ...Object.fromEntries(values.map((one) => [one.name, one.new])) };
  return isDeepStrictEqual(expected, readEnv(edited)) ? edited : null;
}

function readEnv(text: string): Record<string, string | undefined> {
  return { ...parseEnv(text) };
}
