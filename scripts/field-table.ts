/** The table of docs/connector-files.md: what each field of a connector means, made from the schema in force. */
import { publishedSchema } from './connector-schema.ts';
import { code, plain, type Table } from './markdown-table.ts';

/** The part of JSON Schema that the published schema is made of. */
type Schema = {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
};

type Row = {
  readonly path: string;
  /** Every value or form that it may have. */
  readonly values: Set<string>;
  readonly required: boolean;
  readonly byDefault: string;
  readonly meaning: string;
  /** The authentication types that have it, and those of them that need it; empty outside `auth`. */
  readonly types: string[];
  readonly requiredBy: string[];
};

/** One row for each field, those of all authentication types together. */
export function fieldRows(): readonly Row[] {
  const rows = new Map<string, Row>();
  const { auth, ...shared } = (JSON.parse(publishedSchema()) as Schema).properties ?? {};
  const required = (JSON.parse(publishedSchema()) as Schema).required ?? [];
  for (const [name, schema] of Object.entries(shared)) walk(schema, name, required.includes(name), [], rows);
  const { items, ...list } = auth ?? {};
  walk({ ...list, items: { oneOf: [] } }, 'auth', required.includes('auth'), [], rows);
  const types = items?.oneOf ?? [];
  for (const type of types) {
    const name = String(type.properties?.authenticationType?.const);
    for (const [field, schema] of Object.entries(type.properties ?? {})) {
      const known = field === 'inputs' || field === 'api' ? { description: schema.description ?? '' } : schema;
      walk(known, `auth[].${field}`, type.required?.includes(field) === true, [name], rows);
    }
  }
  return [...rows.values()].map((row) => {
    const { requiredBy } = row;
    // Required with some types only: the types say so.
    if (requiredBy.length > 0 && requiredBy.length < row.types.length) return { ...row, required: false };
    return { ...row, requiredBy: [], types: row.types.length === types.length ? [] : row.types };
  });
}

/** Adds the field and what is inside it. */
function walk(schema: Schema, path: string, required: boolean, types: readonly string[], rows: Map<string, Row>): void {
  const inside = insideOf(schema, path);
  const row = rows.get(path);
  if (row) {
    row.types.push(...types.filter((type) => !row.types.includes(type)));
    if (required) row.requiredBy.push(...types.filter((type) => !row.requiredBy.includes(type)));
    for (const value of valuesOf(schema)) row.values.add(value);
  } else {
    const byDefault = schema.default === undefined ? '' : JSON.stringify(schema.default);
    const meaning = schema.description ?? '';
    const values = new Set(valuesOf(schema));
    const requiredBy = required ? [...types] : [];
    rows.set(path, { path, values, required, byDefault, meaning, types: [...types], requiredBy });
  }
  for (const { path: name, schema: inner, required: needed } of inside) walk(inner, name, needed, types, rows);
}

/** The fields of an object, of the items of a list, of the values of a map, or of every form that a value may have. */
function insideOf(schema: Schema, path: string): { path: string; schema: Schema; required: boolean }[] {
  const { properties, items, additionalProperties: values, oneOf, anyOf } = schema;
  if (properties) {
    return Object.entries(properties).map(([name, inner]) => {
      return { path: `${path}.${name}`, schema: inner, required: schema.required?.includes(name) === true };
    });
  }
  if (items) return insideOf(items, `${path}[]`);
  if (typeof values === 'object') return insideOf(values, `${path}.<name>`);
  return [...(oneOf ?? []), ...(anyOf ?? [])].flatMap((form) => insideOf(form, path));
}

function valuesOf(schema: Schema): readonly string[] {
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value));
  if (schema.anyOf) return schema.anyOf.flatMap(valuesOf);
  if (schema.type === 'array') return [`list of ${schema.items?.oneOf ? 'objects' : valuesOf(schema.items ?? {})}`];
  return [schema.type ?? 'object'].flat();
}

/** The table of fields: a `*` says that a field is required. */
export function fieldTable(): Table {
  const rows = fieldRows().map(({ path, values, required, byDefault, meaning, types, requiredBy }) => {
    const only = types.map((type) => (requiredBy.includes(type) ? `${type} *` : type));
    const name = `${code(path)}${required ? ' *' : ''}`;
    return [name, code([...values].join(' ')), code(byDefault), only.join(', '), plain(meaning)];
  });
  return { name: 'fields', head: ['field', 'value', 'default', 'only for', 'meaning'], rows };
}
