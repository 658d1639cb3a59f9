/**
 * A form's fields out of the JSON Schema of a connector's inputs, whose values are all strings. Whether a value is
 * right is decided by the broker alone.
 */
import type { JsonSchemaObject } from '../../../broker/input/forms.ts';

export type Field = {
  /** Property name: letters, digits and `_`, so it may stand in an id. */
  readonly name: string;
  readonly label: string;
  readonly description: string | null;
  readonly example: string | null;
  readonly required: boolean;
  /** What the schema proposes; empty for a secret. */
  readonly initial: string;
  readonly kind: 'text' | 'secret' | 'choice';
  /** The values of a choice. */
  readonly choices: readonly string[];
  /** Media type of the file whose content it takes; null where nobody has it as a file. */
  readonly file: string | null;
};

/** The fields, in the schema's order. */
export function readFields(schema: JsonSchemaObject): Field[] {
  return Object.entries(schema.properties).map(([name, property]) => ({
    name,
    label: property.title ?? spaced(name),
    description: property.description ?? null,
    example: property.examples?.[0] ?? null,
    required: schema.required.includes(name),
    initial: property.writeOnly ? '' : (property.default ?? ''),
    kind: property.writeOnly ? 'secret' : property.enum ? 'choice' : 'text',
    choices: property.enum ?? [],
    file: property.contentMediaType ?? null,
  }));
}

/** `shopDomain` → “Shop domain”: for properties without a title. */
function spaced(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
