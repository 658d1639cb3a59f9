/** Whether a value keeps the rules of its input, and JSON inputs as objects. */
import { parseJson } from '../json.ts';
import type { InputProperty } from './connector.ts';

/** Whether the value keeps the property's `enum`, `pattern` and `contentMediaType`. */
export function accepts(rule: Pick<InputProperty, 'enum' | 'pattern' | 'contentMediaType'>, value: string): boolean {
  if (rule.contentMediaType && jsonObject(value) === null) return false;
  if (rule.enum && !rule.enum.includes(value)) return false;
  return rule.pattern === undefined || matches(rule.pattern, value);
}

/** What matches a pattern: the engine of JavaScript, or one whose time grows with the value alone. */
type Matcher = { test(value: string): boolean };

const matchers = new Map<string, Matcher>();

/** Has this pattern matched by `matcher`. Patterns of users' files come with one: see `definition/inputs.ts`. */
export function matchWith(pattern: string, matcher: Matcher): void {
  matchers.set(pattern, matcher);
}

/** Patterns that nobody brought a matcher for are Keyward's own, and quick in every engine. */
function matches(pattern: string, value: string): boolean {
  const matcher = matchers.get(pattern) ?? new RegExp(pattern, 'u');
  matchers.set(pattern, matcher);
  return matcher.test(value);
}

/** The object that a JSON text holds; null for anything else. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = parseJson(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
