import * as z from 'zod';
import { connectorId } from './fields.ts';
import { defineTool } from './tool.ts';

export const getCredentialMetadataTool = defineTool({
  name: 'get_credential_metadata',
  title: 'What a connector needs',
  description:
    'Tells what create_credential takes for one connector: for each authentication type a JSON Schema of the fields and ' +
    'a sample. Call it before create_credential. Fields marked writeOnly are secrets: leave them out, the person types ' +
    'them on Keyward’s own page. It never returns a stored credential.',
  scope: 'credentials:read',
  annotations: { readOnlyHint: true, openWorldHint: false },
  input: () => z.strictObject({ connectorId }),
  output: () =>
    z.object({
      metadata: z.array(
        z.object({
          authenticationType: z.string(),
          authConfigRequired: z
            .boolean()
            .describe('The person will be asked for an OAuth client on Keyward’s page first'),
          inputSchema: z.record(z.string(), z.unknown()),
          sampleInput: z.record(z.string(), z.unknown()),
          keyUrl: z.string().optional().describe('Page of the service where the person makes or finds the key'),
        }),
      ),
    }),
  handle: async ({ broker, principal }, input) => {
    const { getCredentialMetadata } = await import('../../broker/credentials/metadata.ts');
    return getCredentialMetadata(broker, principal, input, 'model');
  },
});
