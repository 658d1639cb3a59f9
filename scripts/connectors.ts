/** `npm run connectors`: writes the published schema of connector definitions. */
import { writeFile } from 'node:fs/promises';
import { publishedSchema } from './connector-schema.ts';

await writeFile(new URL('../schema/connector.schema.json', import.meta.url), publishedSchema());
