import * as z from 'zod';
import { updateCredential } from '../../broker/credentials.ts';
import { id } from './fields.ts';
import { connection } from './rows.ts';
import { defineTool } from './tool.ts';

export const updateCredentialTool = defineTool({
  name: 'update_credential',
  title: 'Rename a credential',
  description:
    'Renames a credential and answers its metadata. Use it when the person wants another label. It never changes the ' +
    'secret; to replace that, call create_credential with credentialId.',
  scope: 'credentials:write',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: () =>
    z.strictObject({
      credentialId: id('As list_credentials answers it'),
      name: z.string().min(1).max(100).optional().describe('The new label'),
    }),
  output: connection,
  handle: ({ broker, principal }, input) => updateCredential(broker, principal, input),
});
