/** What is derived from the schema of connector definitions. */
import * as z from 'zod';
import { connectorSchema } from '../src/connectors/definition/definition.ts';

/** JSON Schema of a definition file, for editors. What fields must fit together is checked at load only. */
export function publishedSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(connectorSchema, { target: 'draft-2020-12', io: 'input' });
  const about = {
    title: 'Keyward connector',
    description: 'Static description of one external service: how to authenticate to it and how to call it.',
  };
  return `${JSON.stringify({ $schema, ...about, ...schema }, null, 2)}\n`;
}
