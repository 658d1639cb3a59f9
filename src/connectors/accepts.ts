import type { InputProperty } from './connector.ts';

/** True when the value keeps the property's `enum`, `pattern` and `contentMediaType`. */
export function accepts(rule: Pick<InputProperty, 'enum' | 'pattern' | 'contentMediaType'>, value: string): boolean {
  if (rule.contentMediaType && jsonObject(value) === null) return false;
  if (rule.enum && !rule.enum.includes(value)) return false;
  return rule.pattern === undefined || new RegExp(rule.pattern, 'u').test(value);
}

/** The object that a JSON text holds; null for anything else. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
