import * as z from 'zod';
import { cursor, limit } from './fields.ts';
import { defineTool } from './tool.ts';

export const listConnectorsTool = defineTool({
  name: 'list_connectors',
  title: 'List connectors',
  description:
    'Lists the services that Keyward can connect, best match first when searched. Use it to find the connectorId of a ' +
    'service. It never shows what is connected already; list_credentials does.',
  scope: 'credentials:read',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: () =>
    z.strictObject({
      query: z
        .string()
        .max(200)
        .optional()
        .describe('Name, alias or kind of a service, e.g. "google calendar", "invoicing"'),
      category: z.string().max(100).optional(),
      cursor,
      limit,
    }),
  output: () =>
    z.object({
      connectors: z.array(
        z.object({
          connectorId: z.string(),
          name: z.string(),
          categories: z.array(z.string()),
          authenticationTypes: z.array(z.string()),
          docsUrl: z.string(),
          custom: z
            .literal(true)
            .optional()
            .describe('From a file of whoever runs this Keyward, not from its own catalogue'),
        }),
      ),
      nextCursor: z.string().optional(),
      hint: z.string().optional().describe('Where nothing was found: how to connect the service all the same'),
    }),
  handle: async ({ broker, principal }, input) => {
    const { listConnectors } = await import('../../broker/credentials/metadata.ts');
    return listConnectors(broker, principal, input);
  },
});
