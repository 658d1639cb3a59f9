import * as z from 'zod';
import { connectorId, id, userId } from './fields.ts';
import { outcome } from './rows.ts';
import { defineTool } from './tool.ts';

export const createCredentialTool = defineTool({
  name: 'create_credential',
  title: 'Connect a service',
  description:
    'Connects a service. Pass connectorId, authenticationType and, at the top level, the fields of the inputSchema that ' +
    'get_credential_metadata answered. Answers credentialId when it is done, else a link (oauthUrl or connectUrl) with ' +
    'attemptId: show the person that link unchanged, together with userCode if there is one, then call check_attempt. ' +
    'Never ask for a password, API key or token in chat: leave secret fields out, and the person types them on the page ' +
    'behind the link. With credentialId it reconnects that credential in place, replacing its secret.',
  scope: 'credentials:write',
  // Reconnecting replaces a secret, so a host should ask its person first.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  input: () =>
    z.looseObject({
      connectorId,
      authenticationType: z.string().min(1).max(100).describe('One that get_credential_metadata lists, e.g. oauth2'),
      userId,
      authConfigId: z.string().min(1).max(100).optional().describe('OAuth client to use; leave out for the usual one'),
      redirectUri: z
        .string()
        .min(1)
        .max(2_000)
        .optional()
        .describe('Where the browser goes afterwards; usually left out'),
      name: z.string().min(1).max(100).optional().describe('Label of the new credential'),
      credentialId: id('Reconnect this one').optional(),
    }),
  output: () =>
    z.object({
      ...outcome(),
      oauthUrl: z.string().optional().describe('Link for the person: authorise at the service'),
      connectUrl: z.string().optional().describe('Link for the person: type what is missing on Keyward’s page'),
      attemptId: z.string().optional().describe('For check_attempt; present with a link'),
      expiresAt: z.string().meta({ format: 'date-time' }).optional().describe('When the link ends'),
      userCode: z.string().optional().describe('Code the person compares or types at the service'),
    }),
  handle: async (call, input) => {
    const { connect } = await import('../connect.ts');
    return connect(call, input);
  },
});
