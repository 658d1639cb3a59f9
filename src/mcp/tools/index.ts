/** The table of tools. Nothing is found by scanning: what is not listed here does not exist. */
import type { Tool as ListedTool } from '@modelcontextprotocol/server';
import { callApiTool } from './call-api.ts';
import { checkAttemptTool } from './check-attempt.ts';
import { createCredentialTool } from './create-credential.ts';
import { deleteCredentialTool } from './delete-credential.ts';
import { getConnectionTool } from './get-connection.ts';
import { getConnectionCredentialsTool } from './get-connection-credentials.ts';
import { getCredentialMetadataTool } from './get-credential-metadata.ts';
import { listConnectorsTool } from './list-connectors.ts';
import { listCredentialsTool } from './list-credentials.ts';
import { shareConnectionTool } from './share-connection.ts';
import type { Tool } from './tool.ts';
import { updateCredentialTool } from './update-credential.ts';
import { verifyCredentialTool } from './verify-credential.ts';

/** Every tool by name, in the order in which they are listed: the order of the main job. */
export const tools: ReadonlyMap<string, Tool> = new Map(
  [
    listConnectorsTool,
    getCredentialMetadataTool,
    createCredentialTool,
    checkAttemptTool,
    listCredentialsTool,
    getConnectionTool,
    callApiTool,
    getConnectionCredentialsTool,
    updateCredentialTool,
    verifyCredentialTool,
    shareConnectionTool,
    deleteCredentialTool,
  ].map((tool) => [tool.name, tool]),
);

let listed: ListedTool[] | undefined;

/** The answer to `tools/list`: the same for every caller and every connection, made once for the whole process. */
export function listedTools(): ListedTool[] {
  listed ??= [...tools.values()].map(({ name, title, description, inputSchema, outputSchema, annotations }) => ({
    name,
    title,
    description,
    inputSchema: inputSchema(),
    outputSchema: outputSchema(),
    // Clients of before 2025-06-18, and Claude's directory, look for the title here.
    annotations: { title, ...annotations },
  }));
  return listed;
}
