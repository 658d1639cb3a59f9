/** Errors as each documented system words them. */
import { errorCodes, KeywardError, type PublicError, toPublic } from '../../errors.ts';
import { inAddresses } from '../addresses.ts';
import { RequestError } from '../middleware/json-body.ts';
import type { Family, Operation, Place } from './operation.ts';

export type Failure = { readonly status: number; readonly body: unknown; readonly headers: Record<string, string> };

/** The answer to any thrown value. */
export function failureOf(operation: Operation, error: unknown): Failure {
  if (error instanceof RequestError) {
    return { status: error.status, body: bodyOf(operation.family, error.status, error.message), headers: {} };
  }
  const shown = toPublic(error);
  const { code } = shown;
  const message = inRestWords(operation, shown.message);
  const hint = shown.hint === undefined ? undefined : inRestWords(operation, shown.hint);
  const status = errorCodes[code];
  const headers: Record<string, string> = {};
  const retryAfter = error instanceof KeywardError ? error.details.retryAfterSeconds : undefined;
  if (retryAfter !== undefined) headers['Retry-After'] = String(Math.ceil(retryAfter));
  const detail = code === 'invalid_input' && error instanceof KeywardError ? validation(operation, error) : {};
  return { status, body: familyBody(operation.family, status, { message, ...(hint && { hint }) }, detail), headers };
}

/** The body for an error that is not thrown. PathStack documents a 404 without a hint. */
export function familyBody(
  family: Family,
  status: number,
  { message, hint }: Pick<PublicError, 'message' | 'hint'>,
  detail: object = {},
): unknown {
  const alone = hint === undefined || (status === 404 && family === 'pathstack');
  return bodyOf(family, status, alone ? message : `${message} ${hint}`, detail);
}

/** PathStack documents `error` as an object; Alloy documents none and uses the same; Fishnet's is a text. */
function bodyOf(family: Family, status: number, message: string, detail: object = {}): unknown {
  return family === 'fishnet' ? { error: message } : { error: { code: status, message, ...detail } };
}

/** `loc`, `msg` and `type` of a 422: the first thing that is wrong. `message` names all of them. */
function validation(operation: Operation, error: KeywardError): object {
  const [first] = Object.entries(error.details.fields ?? {});
  if (first === undefined) return { loc: ['body'], msg: error.message, type: 'value_error' };
  const [field, problem] = first;
  const missing = problem === 'is missing';
  const name = documentedName(operation, field);
  return {
    loc: error.details.loc ?? [placeOf(operation, name), ...name.split('.')],
    msg: missing ? 'Field required' : `${name} ${problem}`,
    type: missing ? 'missing' : 'value_error',
  };
}

/** The broker speaks of `connectionId`; a path that documents `connection_id` gets its own name back. */
function documentedName({ takes }: Operation, field: string): string {
  const own = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (field === 'credentialId' && 'connection_id' in takes.path.shape) return 'connection_id';
  return own in takes.path.shape ? own : field;
}

function placeOf({ takes }: Operation, field: string): Place {
  const places = ['path', 'query', 'header'] as const;
  return places.find((place) => field in takes[place].shape) ?? 'body';
}

/** A program knows addresses and their fields: neither tools nor what these call a connection. */
function inRestWords({ takes }: Operation, text: string): string {
  const worded = inAddresses(text);
  return 'connection_id' in takes.path.shape
    ? worded.replace(/\b(connection|credential)Id\b/g, 'connection_id')
    : worded;
}
