/** Rules for the tools of an MCP server as somebody gives them: read, compared with those before, and put in words. */
import { oneLine } from '../../text.ts';
import type { Credential, ToolRules } from '../../vault/vault.ts';
import { covers, meet, type Verdict } from './rules.ts';

/** Most patterns of a list. */
const maxPatterns = 200;
/** Longest pattern, in characters. */
const maxPattern = 200;

const lists = ['allow', 'ask', 'refuse'] as const;
const verdicts: readonly Verdict[] = ['allow', 'ask', 'refuse'];

/** What holds where nothing was said of tools: all of them, as their owner saw them. */
const unlimited: ToolRules = { allow: null, ask: [], refuse: [], unseen: 'refuse' };

/** What is wrong with rules as they were given, by field; empty when nothing is. */
export function problemsOfTools(given: unknown): Record<string, string> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return { tools: 'must be an object' };
  const problems: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const field = `tools.${name}`;
    if (name === 'unseen') {
      if (!verdicts.includes(value)) problems[field] = 'must be refuse, ask or allow';
    } else if (!lists.includes(name as never))
      problems[field] = 'is not known: there are allow, ask, refuse and unseen';
    else if (value !== null && !isPatterns(value)) {
      problems[field] =
        `must be at most ${maxPatterns} names, each one line of 1 to ${maxPattern} characters; * stands for any characters, and prompt: or resource: come before those`;
    } else if (value === null && name !== 'allow') problems[field] = 'must be a list';
  }
  return problems;
}

function isPatterns(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= maxPatterns &&
    value.every((one) => typeof one === 'string' && oneLine(one, maxPattern) === one)
  );
}

/** The rules as they are stored; `given` has no problems. What is left out is not limited, and what is unseen is refused. */
export function toolRulesOf(given: Partial<ToolRules>): ToolRules {
  const { allow = null, ask = [], refuse = [], unseen = 'refuse' } = given;
  return { allow: allow && [...allow], ask: [...ask], refuse: [...refuse], unseen };
}

/**
 * False only when no item, seen or not, is treated better by `after` than by `before`. Where that can't be told from the
 * patterns alone it is true, so that the owner is asked once more than needed, and never once less.
 */
export function widensTools(before: ToolRules | null, after: ToolRules | null): boolean {
  const [now, next] = [before ?? unlimited, after ?? unlimited];
  const isIn = (patterns: readonly string[], pattern: string) => patterns.some((one) => covers(one, pattern));
  const meetsAny = (patterns: readonly string[], pattern: string) => patterns.some((one) => meet(one, pattern));
  if (verdicts.indexOf(next.unseen) < verdicts.indexOf(now.unseen)) return true;
  const refused = (pattern: string) =>
    isIn(next.refuse, pattern) || (next.allow !== null && !meetsAny([...next.allow, ...next.ask], pattern));
  const notAllowed = (pattern: string) =>
    isIn([...next.ask, ...next.refuse], pattern) || (next.allow !== null && !meetsAny(next.allow, pattern));
  if (!now.refuse.every(refused) || !now.ask.every(notAllowed)) return true;
  if (now.allow === null) return false;
  if (next.allow === null) return true;
  const known = [...now.allow, ...now.ask];
  return (
    !next.allow.every((pattern) => isIn(now.allow ?? [], pattern) || isIn([...next.ask, ...next.refuse], pattern)) ||
    !next.ask.every((pattern) => isIn(known, pattern) || isIn(next.refuse, pattern))
  );
}

/** The rules as a person or a model reads them. */
export function toolsInWords({ allow, ask, refuse, unseen }: ToolRules): string {
  const names = (patterns: readonly string[]) => patterns.map((one) => JSON.stringify(one).slice(1, -1)).join(', ');
  const allowed = allow === null ? 'every tool, prompt and resource' : names(allow) || 'no tool';
  const sentences = [
    `Allowed: ${allowed}${ask.length + refuse.length === 0 || allow !== null ? '' : ' but these'}.`,
    ...(ask.length === 0 ? [] : [`Asked first: ${names(ask)}.`]),
    ...(refuse.length === 0 ? [] : [`Refused: ${names(refuse)}.`]),
    `A tool or prompt that is new or changed at the server is ${{ allow: 'allowed', ask: 'asked first', refuse: 'refused until its owner saw it' }[unseen]}.`,
  ];
  return sentences.join(' ');
}

/** True while something of an MCP server waits until its owner has looked at it. */
export function hasUnseen({ seenTools }: Pick<Credential, 'seenTools'>): boolean {
  return seenTools ? seenTools.added + seenTools.changed > 0 : false;
}

/** What waits until the owner has looked at it, and where they look. */
export function unseenInWords({ seenTools }: Pick<Credential, 'seenTools'>): string {
  const { added = 0, changed = 0 } = seenTools ?? {};
  const counted = [...(added > 0 ? [`${added} new`] : []), ...(changed > 0 ? [`${changed} changed`] : [])];
  return `Its owner has not seen all of its tools and prompts as they are: ${counted.join(' and ')}. They look at them on their page of Keyward, or with “keyward tools”.`;
}
