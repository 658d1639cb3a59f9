/** TOML in which the tables of one server are set or removed and every other byte stays. */
import type { AST } from 'toml-eslint-parser';
import type { Format, Spot } from './format.ts';

export const toml: Format = {
  async parse(text) {
    const { parse, TomlError } = await import('smol-toml');
    try {
      // Numbers beyond 2⁵³ are somebody else's, and must not be an error.
      return parse(text, { integersAsBigInt: 'asNeeded' });
    } catch (error) {
      if (!(error instanceof TomlError)) throw new SyntaxError('is nested too deeply');
      throw new SyntaxError(`is no TOML from line ${error.line}, column ${error.column} on`);
    }
  },
  async edit(text, key, name, entry) {
    const { stringify } = await import('smol-toml');
    const found = await stretchesOf(text, [key, name]);
    const [first] = found;
    // The new tables stand where the first one stood. A pair can stand below a table of others, where they can not.
    const place = entry !== null && first?.isTable ? first.from : null;
    const rest = found
      .map((stretch) => (stretch.from === place ? stretch : withEmptyLine(text, stretch)))
      .reduceRight((all, { from, to }) => all.slice(0, from) + all.slice(to), text);
    if (entry === null) return rest;
    const eol = /\r?\n/.exec(text)?.[0] ?? '\n';
    const tables =
      stringify({ [key]: { [name]: entry } })
        .trim()
        .replaceAll('\n', eol) + eol;
    if (place !== null) return rest.slice(0, place) + tables + rest.slice(place);
    const gap = rest === '' ? '' : rest.endsWith('\n') ? eol : eol + eol;
    return rest + gap + tables;
  },
  async spots(text) {
    const { parseTOML, traverseNodes } = await import('toml-eslint-parser');
    const program = parseTOML(text);
    const spots: Spot[] = program.comments.map(({ range: [from, to] }) => ({ from, to, value: null }));
    traverseNodes(program, {
      enterNode(node) {
        if (node.type === 'TOMLValue') spots.push({ from: node.range[0], to: node.range[1], value: node.value });
      },
      leaveNode: () => {},
    });
    return spots.toSorted((one, other) => one.from - other.from);
  },
};

/** Whole lines: a table of the server, or a pair that says something of it in another table. */
type Stretch = { readonly from: number; readonly to: number; readonly isTable: boolean };

/** All that the text says of the thing with these names, in order. */
async function stretchesOf(text: string, wanted: readonly string[]): Promise<Stretch[]> {
  const { parseTOML } = await import('toml-eslint-parser');
  const [top] = parseTOML(text).body;
  return top.body.flatMap((part) => {
    if (part.type === 'TOMLKeyValue') return begins(namesOf(part.key), wanted) ? [linesOf(text, part)] : [];
    if (begins(part.resolvedKey, wanted)) return [linesOf(text, part)];
    return part.body
      .filter((pair) => begins([...part.resolvedKey, ...namesOf(pair.key)], wanted))
      .map((pair) => linesOf(text, pair));
  });
}

function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map((part) => (part.type === 'TOMLBare' ? part.name : part.value));
}

function begins(names: readonly (string | number)[], wanted: readonly string[]): boolean {
  return wanted.every((name, at) => names[at] === name);
}

function linesOf(text: string, { type, range: [start, end] }: AST.TOMLTable | AST.TOMLKeyValue): Stretch {
  const next = text.indexOf('\n', end);
  const to = next === -1 ? text.length : next + 1;
  return { from: text.lastIndexOf('\n', start - 1) + 1, to, isTable: type === 'TOMLTable' };
}

/** Together with the empty line that sets a table off. */
function withEmptyLine(text: string, stretch: Stretch): Stretch {
  const line = stretch.isTable ? /(?<=^|\n)\r?\n$/.exec(text.slice(0, stretch.from)) : null;
  return { ...stretch, from: stretch.from - (line?.[0].length ?? 0) };
}
