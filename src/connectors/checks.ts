/** Checks a definition: the schema first, then what fields must fit together. */
import type { ConnectorFile } from './definition.ts';
import { connectorSchema } from './definition.ts';

export type FieldProblem = { readonly field: string; readonly rule: string };

/** The definition, or everything that is wrong with it. */
export function checkDefinition(json: unknown): { definition: ConnectorFile | null; problems: FieldProblem[] } {
  const parsed = connectorSchema.safeParse(json);
  if (parsed.success) return { definition: parsed.data, problems: [] };
  const problems = parsed.error.issues.map((issue) => ({ field: issue.path.join('.'), rule: issue.message }));
  return { definition: null, problems };
}
