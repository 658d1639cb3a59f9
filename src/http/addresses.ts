/** What the broker's texts call an operation, which are the names of tools, and what it is called here. */
const tools: Readonly<Record<string, string>> = {
  list_connectors: 'GET /connectors',
  get_credential_metadata: 'GET /connectors/{connectorId}/credentials/metadata',
  create_credential: 'POST /connectors/{connectorId}/credentials',
  check_attempt: 'GET /connectors/{connectorId}/credentials',
  list_credentials: 'GET /api/credentials',
  get_connection_credentials: 'GET /connection/{connection_id}/credentials',
  get_connection: 'GET /connection/{connection_id}',
  update_credential: 'PATCH /connection/{connection_id}',
  delete_credential: 'DELETE /connection/{connection_id}',
  share_connection: 'PUT /connection/{connection_id}/shares',
  verify_credential: '/proxy/{connection_id}/…',
  call_api: '/proxy/{connection_id}/…',
};
const toolNames = new RegExp(`\\b(${Object.keys(tools).join('|')})\\b`, 'g');

/** A text of the broker as a program reads it, which calls addresses and no tools. */
export function inAddresses(text: string): string {
  return text.replace(toolNames, (name) => tools[name] ?? name);
}
