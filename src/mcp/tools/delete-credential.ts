import * as z from 'zod';
import { id } from './fields.ts';
import { defineTool } from './tool.ts';

export const deleteCredentialTool = defineTool({
  name: 'delete_credential',
  title: 'Delete a credential',
  description:
    'Revokes a credential at the service where that is possible, then deletes it for good. Use it only when the person ' +
    'asked for it. revocation says what happened at the service, and detail what is left for the person to do: tell ' +
    'them. It never deletes anything else at the service.',
  scope: 'credentials:write',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  input: () => z.strictObject({ credentialId: id('As list_credentials answers it') }),
  output: () =>
    z.object({
      credentialId: z.string(),
      deleted: z.boolean(),
      revocation: z.enum(['revoked', 'kept', 'not_supported', 'failed']),
      detail: z.string().optional(),
    }),
  handle: async ({ broker, principal }, input) => {
    const { deleteCredential } = await import('../../broker/credentials/delete.ts');
    return deleteCredential(broker, principal, input);
  },
});
