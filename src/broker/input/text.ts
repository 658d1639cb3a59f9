/** Texts that come from people, models and services, made fit to store and to show. */
import { KeywardError } from '../../errors.ts';
import { oneLine } from '../../text.ts';

export { oneLine, quoted } from '../../text.ts';

/** Longest name of a credential, in characters. */
export const maxName = 100;

/** A credential's name as given, or `invalid_input`. */
export function readName(value: unknown): string {
  const name = typeof value === 'string' ? value.trim() : '';
  if (name === '' || [...name].length > maxName || oneLine(name, maxName) !== name) {
    const rule = `must be one line of 1 to ${maxName} characters`;
    throw new KeywardError('invalid_input', `name ${rule}.`, {
      hint: 'Give a short label, such as “Work GitHub”.',
      details: { fields: { name: rule } },
    });
  }
  return name;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a lower-case UUIDv4, the form in which ids are kept and compared. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value);
}

/** The id that a text gives; null for a text of any other form. Capital letters are the same id (RFC 9562 §4). */
export function idIn(value: unknown): string | null {
  const id = typeof value === 'string' ? value.toLowerCase() : null;
  return isId(id) ? id : null;
}

/** The first 122 bits of a keyed digest (hex) in the form of an id. */
export function idOfDigest(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The id that is given, or `invalid_input` that names the field. */
export function readId(value: unknown, field: string): string {
  const id = idIn(value);
  if (id !== null) return id;
  const rule = 'must be a UUIDv4';
  throw new KeywardError('invalid_input', `${field} ${rule}, such as 550e8400-e29b-41d4-a716-446655440000.`, {
    hint: 'Copy it as list_credentials, create_credential or check_attempt answered it.',
    details: { fields: { [field]: rule } },
  });
}
