import * as z from 'zod';
import { updateCredential } from '../../broker/credentials/manage.ts';
import { id, policy } from './fields.ts';
import { connectionShape, policies } from './rows.ts';
import { defineTool } from './tool.ts';

export const updateCredentialTool = defineTool({
  name: 'update_credential',
  title: 'Rename or limit a credential',
  description:
    'Renames a credential, or limits which calls call_api may make with it (policy), and answers its metadata. Use it when ' +
    'the person asked for that. Allowing more than before needs the owner’s approval. It never changes the secret; to ' +
    'replace that, call create_credential with credentialId.',
  scope: 'credentials:write',
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: () =>
    z.strictObject({
      credentialId: id('As list_credentials answers it'),
      name: z.string().min(1).max(100).optional().describe('The new label'),
      policy: policy().nullable().optional().describe('The only calls allowed from now on; null allows all'),
    }),
  output: () => z.object({ ...connectionShape(), ...policies() }),
  handle: ({ broker, principal }, input) => updateCredential(broker, principal, input),
});
