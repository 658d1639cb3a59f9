/** `npm run connectors`: writes the files that are derived from the connector definitions. */
import { writeFile } from 'node:fs/promises';
import { connectorFiles } from './connector-files.ts';

for (const [path, content] of await connectorFiles()) await writeFile(new URL(`../${path}`, import.meta.url), content);
