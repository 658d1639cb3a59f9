/** Reads what a caller sent, for tools and REST. A schema library answers in its own words; a caller gets each field named. */
import type * as z from 'zod';
import { inputError, shownField } from './input-error.ts';

/**
 * The input as the schema types it, or `invalid_input` that names every wrong field; never quotes a value.
 *
 * @param place where it stands in a request, as the first part of `details.loc`
 */
export function readInput<S extends z.ZodObject>(name: string, schema: S, args: unknown, place?: string): z.output<S> {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const fields = problemsOf(issues, args);
  const [first] = issues.flatMap(pathsOf);
  const loc = [...(place === undefined ? [] : [place]), ...(first ?? []).map(shownPart)];
  throw inputError(fields, `${name} takes ${Object.keys(schema.shape).join(', ')}.`, loc);
}

/** Field → what is wrong with it. */
function problemsOf(issues: readonly z.core.$ZodIssue[], args: unknown): Record<string, string> {
  const problems = new Map<string, string>();
  for (const issue of issues) {
    for (const path of pathsOf(issue)) {
      const field = shownField(path.join('.'));
      if (!problems.has(field)) problems.set(field, problemOf(issue, args));
    }
  }
  return Object.fromEntries(problems);
}

/** What is wrong, by its whole path: an unknown field stands in its parent. */
function pathsOf(issue: z.core.$ZodIssue): readonly PropertyKey[][] {
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

function problemOf(issue: z.core.$ZodIssue, args: unknown): string {
  if (isAbsent(args, issue.path)) return 'is missing';
  switch (issue.code) {
    case 'unrecognized_keys':
      return 'is not a field here';
    case 'invalid_type':
      return issue.expected === 'never' ? issue.message : `must be ${withArticle(issue.expected)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `must be at most ${issue.maximum} characters`
        : `must be at most ${issue.maximum}`;
    case 'custom':
      return issue.message;
    default:
      return 'is not valid';
  }
}

function isAbsent(args: unknown, path: readonly PropertyKey[]): boolean {
  let value = args;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return false;
    if (!Object.hasOwn(value, part)) return true;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value === undefined;
}

function shownPart(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : shownField(String(part));
}

function withArticle(type: string): string {
  if (type === 'int') return 'a whole number';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
