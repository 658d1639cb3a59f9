import * as z from 'zod';
import { id, policy } from './fields.ts';
import { shares } from './rows.ts';
import { defineTool } from './tool.ts';

export const shareConnectionTool = defineTool({
  name: 'share_connection',
  title: 'Share a connection',
  description:
    'Lets another user or a whole tenant see a connection (view) or call its service (use), or takes that back (none). ' +
    'Only its owner can, and only when the person asked for it. Keyward may ask the owner first, on a page of its ' +
    'own. Another tenant gets an offer, which a person there has to take. A share never hands out the secret.',
  scope: 'credentials:share',
  // It gives others access, so a host should ask its person first.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  input: () =>
    z.strictObject({
      connectionId: id('credentialId of list_credentials'),
      with: z.string().min(1).max(510).describe('user:<id>, or tenant:<id> for everybody there'),
      permission: z.enum(['view', 'use', 'none']),
      policy: policy().optional().describe('Calls that a use share may make; left out: GET, HEAD and OPTIONS only'),
    }),
  output: () => z.object({ connectionId: z.string(), shares: shares(), hint: z.string().optional() }),
  handle: async ({ broker, principal }, input) => {
    const { shareConnection } = await import('../../broker/credentials/share.ts');
    return shareConnection(broker, principal, input);
  },
});
