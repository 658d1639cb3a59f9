/** The error of wrong input, which names every field. */
import { KeywardError } from '../../errors.ts';
import { oneLine } from './text.ts';

/** How many wrong fields one error names. */
const maxProblems = 20;

const schemaHint = 'get_credential_metadata has the JSON Schema of what this connector takes.';

/**
 * One error that names every field; of a flood the first ones.
 *
 * @param given field → what is wrong with it, worded to follow the field's name
 * @param loc where the first of them stands in a request
 */
export function inputError(
  given: Readonly<Record<string, string>>,
  hint = schemaHint,
  loc?: readonly (string | number)[],
): KeywardError {
  const named = Object.entries(given).map(([field, problem]) => [shownField(field), problem] as const);
  const fields = Object.fromEntries(named.slice(0, maxProblems));
  const list = Object.entries(fields).map(([field, problem]) => `${field} ${problem}`);
  const details = { fields, ...(loc !== undefined && { loc }) };
  return new KeywardError('invalid_input', `${list.join('; ')}.`, { hint, details });
}

/** A field's name is the caller's text: one short line of it is enough to be recognised. */
export function shownField(name: string): string {
  return oneLine(name, 64) ?? '(unnamed)';
}
