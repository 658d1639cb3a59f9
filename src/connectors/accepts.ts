import { type Context, createContext, Script } from 'node:vm';
import { parseJson } from '../json.ts';
import type { InputProperty } from './connector.ts';

/** Whether the value keeps the property's `enum`, `pattern` and `contentMediaType`; null when the pattern takes too long to tell. */
export function accepts(
  rule: Pick<InputProperty, 'enum' | 'pattern' | 'contentMediaType'>,
  value: string,
): boolean | null {
  if (rule.contentMediaType && jsonObject(value) === null) return false;
  if (rule.enum && !rule.enum.includes(value)) return false;
  return rule.pattern === undefined || matches(rule.pattern, value);
}

/** Far longer than a good pattern takes; tried once more, because the whole machine may have stood still. */
const matchWithinMs = 2_000;
let matching: Script | undefined;
let sandbox: Context | undefined;

/**
 * Whether the value matches; null when that can't be told in time. A pattern of somebody's connector file may take for ever on a value that was made
 * for it, and nothing but a sandbox lets go of a regular expression.
 */
function matches(pattern: string, value: string, tries = 2): boolean | null {
  matching ??= new Script("new RegExp(pattern, 'u').test(value)");
  sandbox ??= createContext();
  Object.assign(sandbox, { pattern, value });
  try {
    return matching.runInContext(sandbox, { timeout: matchWithinMs }) === true;
  } catch (error) {
    const late = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    return late && tries > 1 ? matches(pattern, value, tries - 1) : null;
  } finally {
    sandbox.value = '';
  }
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
