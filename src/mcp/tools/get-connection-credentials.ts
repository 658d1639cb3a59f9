import * as z from 'zod';
import { id } from './fields.ts';
import { defineTool } from './tool.ts';

export const getConnectionCredentialsTool = defineTool({
  name: 'get_connection_credentials',
  title: 'Read a raw secret',
  description:
    'Hands the raw secret of a connection to its owner: for OAuth an access token, renewed if due; else what was entered, ' +
    'such as an API key. Use it only when the person asked for something that needs the secret itself. Put it only where ' +
    'it is needed; never repeat it in chat, in a file or to another service. It never returns a refresh token or client ' +
    'secret. approval_required: Keyward asks the owner itself; tell them, then call again.',
  scope: 'credentials:release',
  // Not read-only on purpose: hosts let read-only tools run unasked, and this one hands out a secret.
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: () => z.strictObject({ connectionId: id('credentialId of list_credentials') }),
  output: () => z.object({ connectionId: z.string(), credentials: z.record(z.string(), z.unknown()) }),
  handle: async ({ broker, principal }, input) => {
    const { getConnectionCredentials } = await import('../../broker/credentials/release.ts');
    return getConnectionCredentials(broker, principal, input);
  },
});
