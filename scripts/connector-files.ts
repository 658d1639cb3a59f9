/** The files that are derived from the connector definitions: the published schema and the list of built-ins. */
import { readdir } from 'node:fs/promises';
import * as z from 'zod';
import { connectorSchema } from '../src/connectors/definition.ts';

const root = new URL('../', import.meta.url);

/** Path below the repository → content. */
export async function connectorFiles(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['schema/connector.schema.json', publishedSchema()],
    ['src/connectors/builtin.ts', await builtinModule()],
  ]);
}

/** JSON Schema of a definition file, for editors. What fields must fit together is checked at load only. */
function publishedSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(connectorSchema, { target: 'draft-2020-12', io: 'input' });
  const about = {
    title: 'Keyward connector',
    description: 'Static description of one external service: how to authenticate to it and how to call it.',
  };
  return `${JSON.stringify({ $schema, ...about, ...schema }, null, 2)}\n`;
}

async function builtinModule(): Promise<string> {
  const files = (await readdir(new URL('src/connectors/catalogue/', root)))
    .filter((name) => name.endsWith('.json'))
    .sort();
  const names = files.map((file) =>
    file.replace('.json', '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
  );
  const imports = files.map((file, i) => `import ${names[i]} from './catalogue/${file}' with { type: 'json' };`);
  return `/** Every built-in definition. Written by scripts/connectors.ts from the files of catalogue/. */
${imports.join('\n')}
import type { ConnectorFile } from './definition.ts';

/** Checked by tests, so that no start pays for it. */
export const builtin = [
${names.map((name) => `  ${name},`).join('\n')}
] as unknown as readonly ConnectorFile[];
`;
}
