/** Texts that come from people, models and services, made fit to store and to show. */
import { KeywardError } from '../../errors.ts';
import { oneLine } from '../../text.ts';

export { oneLine, quoted } from '../../text.ts';

/** Longest name of a credential, in characters. */
const maxName = 100;

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

/** True for a lower-case UUIDv4, the only form of an id. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value);
}

/** The first 122 bits of a keyed digest (hex) in the form of an id. */
export function idOfDigest(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** An id as given, or `invalid_input` that names the field. Anything but the one form is refused, never normalised. */
export function readId(value: unknown, field: string): string {
  if (isId(value)) return value;
  const rule = 'must be a lower-case UUIDv4';
  throw new KeywardError('invalid_input', `${field} ${rule}, such as 550e8400-e29b-41d4-a716-446655440000.`, {
    hint: 'Copy it as list_credentials, create_credential or check_attempt answered it.',
    details: { fields: { [field]: rule } },
  });
}
