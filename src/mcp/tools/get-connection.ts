import * as z from 'zod';
import { getConnection } from '../../broker/credentials/manage.ts';
import { id } from './fields.ts';
import { connectionShape, policies, shares } from './rows.ts';
import { defineTool } from './tool.ts';

export const getConnectionTool = defineTool({
  name: 'get_connection',
  title: 'Show one connection',
  description:
    'Shows the metadata of one connection, which calls it allows, and to its owner with whom it is ' +
    'shared. Use it to see the status, the account or why a person has to connect again. It never shows a secret.',
  scope: 'credentials:read',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: () => z.strictObject({ connectionId: id('credentialId of list_credentials') }),
  output: () =>
    z.object({
      ...connectionShape(),
      ...policies(),
      shares: shares().optional(),
    }),
  handle: ({ broker, principal }, input) => getConnection(broker, principal, input),
});
