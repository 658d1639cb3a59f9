/** Reads what a caller sent, for tools and REST. A schema library answers in its own words; a caller gets each field named. */
import type * as z from 'zod';
import { KeywardError } from '../../errors.ts';
import { oneLine } from './text.ts';

/** How many wrong fields one error names. */
const maxProblems = 20;

/** The input as the schema types it, or `invalid_input` that names every wrong field; never quotes a value. */
export function readInput<S extends z.ZodObject>(name: string, schema: S, args: unknown): z.output<S> {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const fields = problemsOf(parsed.error.issues, args);
  const list = Object.entries(fields).map(([field, problem]) => `${field} ${problem}`);
  throw new KeywardError('invalid_input', `${list.join('; ')}.`, {
    hint: `${name} takes ${Object.keys(schema.shape).join(', ')}.`,
    details: { fields },
  });
}

/** Field → what is wrong with it. */
function problemsOf(issues: readonly z.core.$ZodIssue[], args: unknown): Record<string, string> {
  const problems = new Map<string, string>();
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const name of issue.keys) problems.set(shownName(name), 'is not a field here');
    } else {
      const field = shownName(issue.path.join('.'));
      if (!problems.has(field)) problems.set(field, problemOf(issue, args));
    }
  }
  return Object.fromEntries([...problems].slice(0, maxProblems));
}

function problemOf(issue: z.core.$ZodIssue, args: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return isAbsent(args, issue.path) ? 'is missing' : `must be ${withArticle(issue.expected)}`;
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
  const [field] = path;
  return (
    path.length === 1 && field !== undefined && typeof args === 'object' && args !== null && !Object.hasOwn(args, field)
  );
}

function withArticle(type: string): string {
  if (type === 'int') return 'a whole number';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** A field's name is the caller's text: one short line of it is enough to be recognised. */
function shownName(name: string): string {
  return oneLine(name, 64) ?? '(unnamed)';
}
