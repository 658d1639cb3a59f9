/** JSON with comments and trailing commas, in which one member is set or removed and every other byte stays. */
import type { Node, ParseError } from 'jsonc-parser';
import type { Entry, Format, Spot } from './format.ts';

/** Replaces this stretch of a text. */
type Edit = { readonly from: number; readonly to: number; readonly text: string };

/** How a file is laid out. */
type Layout = {
  readonly text: string;
  /** The end of a line. */
  readonly eol: string;
  /** One step of indentation. */
  readonly step: string;
  /** All of it stands on one line. */
  readonly flat: boolean;
};

export const json: Format = {
  async parse(text) {
    const root = await treeOf(text);
    return root === undefined ? {} : contentOf(root);
  },
  async edit(text, key, name, entry) {
    const root = await treeOf(text);
    const layout = layoutOf(text, root);
    const edits = root === undefined ? whole(layout, key, name, entry) : inside(layout, root, key, name, entry);
    // From the end on, so that no edit moves the next one.
    return edits
      .toSorted((one, other) => other.from - one.from)
      .reduce((all, { from, to, text: piece }) => all.slice(0, from) + piece + all.slice(to), text);
  },
  async spots(text) {
    const { visit } = await import('jsonc-parser');
    const spots: Spot[] = [];
    const take = (value: unknown, from: number, length: number) => spots.push({ from, to: from + length, value });
    visit(
      text,
      { onLiteralValue: take, onComment: (from, length) => take(null, from, length) },
      { allowTrailingComma: true, allowEmptyContent: true },
    );
    return spots;
  },
};

async function treeOf(text: string): Promise<Node | undefined> {
  const { parseTree } = await import('jsonc-parser');
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true });
  } catch {
    // It calls itself for each level.
    throw new SyntaxError('is nested too deeply');
  }
  const [first] = errors;
  if (first !== undefined) throw new SyntaxError(`is no JSON from ${place(text, first.offset)} on`);
  return root;
}

function place(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function contentOf(node: Node): unknown {
  if (node.type === 'array') return (node.children ?? []).map(contentOf);
  if (node.type !== 'object') return node.value;
  return Object.fromEntries(members(node).map(({ name, value }) => [name, contentOf(value)]));
}

/** A member of an object: `from` and `end` are those of `"name": value`. */
type Member = { readonly name: string; readonly value: Node; readonly from: number; readonly end: number };

function members(node: Node): Member[] {
  return (node.children ?? []).flatMap((member) => {
    const [name, value] = member.children ?? [];
    return name === undefined || value === undefined
      ? []
      : [{ name: String(name.value), value, from: member.offset, end: endOf(value) }];
  });
}

const endOf = (node: Node) => node.offset + node.length;

/** The member of that name. Programs disagree on which of two counts. */
function memberOf(node: Node, name: string): Member | undefined {
  if (node.type !== 'object') throw new SyntaxError(`has no object where ${JSON.stringify(name)} should be`);
  const found = members(node).filter((member) => member.name === name);
  if (found.length > 1) throw new SyntaxError(`has ${JSON.stringify(name)} twice`);
  return found[0];
}

function layoutOf(text: string, root: Node | undefined): Layout {
  const first = root?.type === 'object' ? members(root)[0] : undefined;
  const step = first === undefined ? '' : startOfLine(text, first.from);
  return {
    text,
    eol: /\r?\n/.exec(text)?.[0] ?? '\n',
    step: step === '' ? '  ' : step,
    flat: root !== undefined && first !== undefined && !text.slice(root.offset, endOf(root)).includes('\n'),
  };
}

/** The white space that begins the line of this place. */
function startOfLine(text: string, offset: number): string {
  const begin = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(begin, offset))?.[0] ?? '';
}

/** The text of a file that holds nothing, or nothing but comments. */
function whole(layout: Layout, key: string, name: string, entry: Entry | null): Edit[] {
  const { text, eol } = layout;
  if (entry === null) return [];
  const gap = text === '' || text.endsWith('\n') ? '' : eol;
  return [add(text.length, `${gap}${print(layout, { [key]: { [name]: entry } }, '')}${eol}`)];
}

function inside(layout: Layout, root: Node, key: string, name: string, entry: Entry | null): Edit[] {
  const servers = memberOf(root, key);
  if (servers === undefined) return entry === null ? [] : insert(layout, root, key, { [name]: entry });
  const own = memberOf(servers.value, name);
  if (own === undefined) return entry === null ? [] : insert(layout, servers.value, name, entry);
  if (entry === null) return remove(layout, servers.value, own);
  const indent = onOneLine(layout, servers.value) ? null : startOfLine(layout.text, own.from);
  return [{ from: own.value.offset, to: own.end, text: print(layout, entry, indent) }];
}

/** Adds a member as the last one. Nothing is taken away. */
function insert(layout: Layout, node: Node, name: string, value: unknown): Edit[] {
  const { text, eol, step } = layout;
  const last = members(node).at(-1);
  const close = endOf(node) - 1;
  const from = last?.end ?? node.offset + 1;
  const { comma, end } = between(text, from, close);
  // After what comes behind it, should both have the same place.
  const separator = last === undefined || comma !== null ? [] : [add(from, ',')];
  const trailing = comma === null ? '' : ',';
  if (onOneLine(layout, node)) {
    const gap = text[node.offset + 1] === ' ' ? ' ' : '';
    return [add(end, `${last === undefined ? '' : gap}${member(layout, name, value, null)}${trailing}`), ...separator];
  }
  const outer = startOfLine(text, node.offset);
  const startsLine =
    last !== undefined && startOfLine(text, last.from).length === last.from - lineBegin(text, last.from);
  const indent = startsLine ? startOfLine(text, last.from) : outer + step;
  const closing = text.slice(end, close).includes('\n') ? '' : `${eol}${outer}`;
  return [add(end, `${eol}${indent}${member(layout, name, value, indent)}${trailing}${closing}`), ...separator];
}

/** Takes a member away, with its comma and the white space before it. Comments stay. */
function remove({ text }: Layout, node: Node, own: Member): Edit[] {
  const all = members(node);
  const at = all.findIndex(({ from }) => from === own.from);
  const [previous, next] = [all[at - 1], all[at + 1]];
  const [open, close] = [node.offset + 1, endOf(node) - 1];
  const before = between(text, previous?.end ?? open, own.from);
  const after = between(text, own.end, next?.from ?? close);
  const to = after.comma === null ? own.end : after.comma + 1;
  const alone = all.length === 1 && between(text, open, own.from).end === open && after.end <= to;
  if (alone) return [cut(open, close)];
  const spare = after.comma === null && before.comma !== null ? [cut(before.comma, before.comma + 1)] : [];
  return [...spare, cut(before.end, to)];
}

const add = (at: number, text: string): Edit => ({ from: at, to: at, text });
const cut = (from: number, to: number): Edit => ({ from, to, text: '' });

/** Between two members: where their comma is, and where that ends which is no white space. */
function between(text: string, from: number, to: number): { readonly comma: number | null; readonly end: number } {
  let [comma, end]: [number | null, number] = [null, from];
  for (const { 0: found, index } of text.slice(from, to).matchAll(/,|\/\/[^\r\n]*|\/\*[\s\S]*?\*\//g)) {
    if (found === ',') comma = from + index;
    end = from + index + found.length;
  }
  return { comma, end };
}

function lineBegin(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Whether what is added to the object belongs on its line. */
function onOneLine({ text, flat }: Layout, node: Node): boolean {
  return !text.slice(node.offset, endOf(node)).includes('\n') && (flat || members(node).length > 0);
}

function member(layout: Layout, name: string, value: unknown, indent: string | null): string {
  return `${JSON.stringify(name)}:${indent === null ? '' : ' '}${print(layout, value, indent)}`;
}

/** @param indent that of the line on which the value begins; null for all on one line */
function print({ eol, step }: Layout, value: unknown, indent: string | null): string {
  if (indent === null) return JSON.stringify(value);
  return JSON.stringify(value, null, step).replaceAll('\n', eol + indent);
}
