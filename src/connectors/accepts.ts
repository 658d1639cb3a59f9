import type { InputProperty } from './connector.ts';

/** True when the value keeps the property's `enum` and `pattern`. */
export function accepts(rule: Pick<InputProperty, 'enum' | 'pattern'>, value: string): boolean {
  if (rule.enum && !rule.enum.includes(value)) return false;
  return rule.pattern === undefined || new RegExp(rule.pattern, 'u').test(value);
}
