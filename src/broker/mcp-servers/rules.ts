/**
 * Which tools, prompts and resources of an MCP server a connection may use: the owner's rules for everybody, and within
 * them those of the share that lets somebody else in.
 */
import type { ToolRules } from '../../vault/vault.ts';

/** What a message to an MCP server uses. A prompt has a name as a tool has; a resource is named by its URI. */
export type Item = { readonly kind: 'tool' | 'prompt' | 'resource'; readonly name: string };

/** What the rules say of an item. */
export type Verdict = 'allow' | 'ask' | 'refuse';

/**
 * What these rules say of an item, whatever its owner saw of it: `refuse` is stronger than `ask`, and `ask` than `allow`.
 * Null allows everything.
 */
export function verdictOf(rules: ToolRules | null, item: Item): Verdict {
  if (rules === null) return 'allow';
  const names = (patterns: readonly string[]) => patterns.some((pattern) => matches(pattern, item));
  if (names(rules.refuse)) return 'refuse';
  if (names(rules.ask)) return 'ask';
  return rules.allow === null || names(rules.allow) ? 'allow' : 'refuse';
}

/** The stricter of two verdicts. */
export function stricter(one: Verdict, other: Verdict): Verdict {
  const order: readonly Verdict[] = ['allow', 'ask', 'refuse'];
  return order.indexOf(one) > order.indexOf(other) ? one : other;
}

/** `get_*`, `prompt:summary`, `resource:file:///*`: without a kind it is a tool; `*` stands for any characters. */
function matches(pattern: string, { kind, name }: Item): boolean {
  const own = parse(pattern);
  return own.kind === kind && fits(own.parts, name);
}

/** The kind of item that a pattern is for, and what stands between its `*`. */
function parse(pattern: string): { readonly kind: string; readonly text: string; readonly parts: readonly string[] } {
  const [, kind = 'tool', text = ''] = /^(?:(prompt|resource):)?(.*)$/s.exec(pattern) ?? [];
  return { kind, text, parts: text.split('*') };
}

/** True when every item that `other` names is one that `pattern` names. */
export function covers(pattern: string, other: string): boolean {
  const [wide, narrow] = [parse(pattern), parse(other)];
  // No part of the wide one holds a `*`, so each `*` of the narrow one stands where the wide one has one.
  return wide.kind === narrow.kind && fits(wide.parts, narrow.text);
}

/** False only when no item is named by both. */
export function meet(pattern: string, other: string): boolean {
  const [one, two] = [parse(pattern), parse(other)];
  if (one.kind !== two.kind) return false;
  if (two.parts.length === 1) return fits(one.parts, two.text);
  if (one.parts.length === 1) return fits(two.parts, one.text);
  // With a `*` in both, whatever stands in the middle can follow one after the other.
  const [begins, ends] = [
    [one.parts[0] ?? '', two.parts[0] ?? ''],
    [one.parts.at(-1) ?? '', two.parts.at(-1) ?? ''],
  ];
  const [long = '', short = ''] = begins.sort((a, b) => b.length - a.length);
  const [longEnd = '', shortEnd = ''] = ends.sort((a, b) => b.length - a.length);
  return long.startsWith(short) && longEnd.endsWith(shortEnd);
}

/** True when the name is these parts with anything between them. */
function fits(parts: readonly string[], name: string): boolean {
  const [first = '', ...rest] = parts;
  if (!name.startsWith(first)) return false;
  if (rest.length === 0) return name === first;
  let at = first.length;
  const last = rest.pop() ?? '';
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
