import * as z from 'zod';
import { listCredentials } from '../../broker/credentials/manage.ts';
import { connectorId, cursor, limit, userId } from './fields.ts';
import { connection } from './rows.ts';
import { defineTool } from './tool.ts';

export const listCredentialsTool = defineTool({
  name: 'list_credentials',
  title: 'List credentials',
  description:
    'Lists the person’s stored credentials, then those that others share with them (access, sharedBy). Look here before connecting a service ' +
    'anew, and to find a connectionId (it is the credentialId). Status reconnect_required means that the person has to ' +
    'connect again: call create_credential with that credentialId. It never shows a secret.',
  scope: 'credentials:read',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: () =>
    z.strictObject({
      connectorId: connectorId.optional(),
      userId,
      status: z.enum(['active', 'reconnect_required']).optional(),
      cursor,
      limit,
    }),
  output: () => z.object({ credentials: z.array(connection()), nextCursor: z.string().optional() }),
  handle: ({ broker, principal }, input) => listCredentials(broker, principal, input),
});
