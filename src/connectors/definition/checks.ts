/** Checks a definition file: the schema first, then what fields must fit together. Every problem is reported at once. */
import type * as z from 'zod';
import { complete } from './complete.ts';
import { consistencyProblems } from './consistency.ts';
import { type ConnectorFile, connectorSchema } from './definition.ts';
import type { FieldProblem } from './definition-problem.ts';

/** The definition, or everything that is wrong with it. */
export type Checked = { readonly definition: ConnectorFile | null; readonly problems: readonly FieldProblem[] };

/** Checks the content of a definition file. */
export function checkDefinition(json: unknown): Checked {
  const parsed = connectorSchema.safeParse(json, { reportInput: true });
  if (!parsed.success) return { definition: null, problems: parsed.error.issues.flatMap(problemsOf) };
  const problems = consistencyProblems(parsed.data, complete(parsed.data));
  return problems.length === 0 ? { definition: parsed.data, problems } : { definition: null, problems };
}

/** An issue in words. The value is never quoted: somebody may have put a secret into the file. */
function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  const field = issue.path.join('.');
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        field: [...issue.path, key].join('.'),
        rule: 'is not a field of a definition',
      }));
    case 'invalid_type':
      return [{ field, rule: issue.input === undefined ? 'is missing' : `must be of type ${issue.expected}` }];
    case 'invalid_value':
      return [{ field, rule: `must be ${oneOf(issue.values)}` }];
    case 'invalid_union':
      return [{ field, rule: unionRule(issue) }];
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({ field, rule: message }));
    case 'too_small':
      return [
        {
          field,
          rule:
            issue.origin === 'array' || issue.origin === 'string'
              ? 'must not be empty'
              : `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`,
        },
      ];
    case 'too_big':
      return [
        { field, rule: `must have at most ${issue.maximum} ${issue.origin === 'array' ? 'entries' : 'characters'}` },
      ];
    default:
      return [{ field, rule: issue.message }];
  }
}

function unionRule(issue: z.core.$ZodIssueInvalidUnion): string {
  return 'options' in issue && Array.isArray(issue.options)
    ? `must be ${oneOf(issue.options)}`
    : 'is none of the forms it may have';
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  return texts.length === 1 ? `${texts[0]}` : `one of ${texts.join(', ')}`;
}
