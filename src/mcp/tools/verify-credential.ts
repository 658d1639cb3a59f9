import * as z from 'zod';
import { id } from './fields.ts';
import { defineTool } from './tool.ts';

export const verifyCredentialTool = defineTool({
  name: 'verify_credential',
  title: 'Check that a credential works',
  description:
    'Checks with one harmless call to the service whether a credential works, and for which account. Use it after ' +
    'connecting, or when a service refuses. It never shows the secret.',
  scope: 'credentials:use',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: () => z.strictObject({ credentialId: id('As list_credentials answers it') }),
  output: () =>
    z.object({
      status: z.string(),
      account: z.string().optional(),
      checkedAt: z.string().meta({ format: 'date-time' }),
      detail: z.string().optional(),
    }),
  handle: async ({ broker, principal, signal }, input) => {
    const { verifyCredential } = await import('../../broker/credentials/verify.ts');
    return verifyCredential(broker, principal, input, { signal });
  },
});
