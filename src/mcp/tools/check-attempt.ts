import * as z from 'zod';
import { id } from './fields.ts';
import { outcome, publicError } from './rows.ts';
import { defineTool } from './tool.ts';

export const checkAttemptTool = defineTool({
  name: 'check_attempt',
  title: 'Has the person finished connecting?',
  description:
    'Tells how an attempt of create_credential stands: pending, completed (with credentialId), failed (with the reason) ' +
    'or expired. Call it after the person got the link; waitSeconds waits for them. After its expiresAt call ' +
    'create_credential again. It never finishes the flow by itself.',
  scope: 'credentials:read',
  annotations: { readOnlyHint: true, openWorldHint: true },
  input: () =>
    z.strictObject({
      attemptId: id('As create_credential answered it'),
      waitSeconds: z.int().min(0).max(50).optional().describe('Wait up to this long for the person; default 0'),
    }),
  output: () =>
    z.object({
      status: z.enum(['pending', 'completed', 'failed', 'expired']),
      ...outcome(),
      error: publicError().optional(),
    }),
  handle: async ({ broker, principal, signal, onWait }, input) => {
    const { checkAttempt } = await import('../../broker/connect/attempts.ts');
    return checkAttempt(broker, principal, input, { signal, onWait });
  },
});
