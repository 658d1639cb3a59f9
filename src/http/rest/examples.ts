/** What the OpenAPI document shows: one request and one answer of each operation, by its operationId. */

const credentialId = '550e8400-e29b-41d4-a716-446655440000';
const authConfigId = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const createdAt = '2025-10-22T09:53:14.374Z';
const updatedAt = '2025-10-22T09:53:14.382Z';

const authConfig = {
  authConfigId,
  connectorId: 'slack',
  name: 'Slack app',
  clientId: '1234567890.1234567890',
  scopes: null,
  createdAt,
  updatedAt,
};

const connection = {
  connection_id: credentialId,
  name: 'Ann’s Slack Credential',
  connector_id: 'slack',
  hosts: ['slack.com'],
  base_url: 'https://slack.com/api',
  authentication_type: 'oauth2',
  status: 'active',
  account: 'ann',
  scopes: ['users:read'],
  access: 'owner',
  created_at: createdAt,
  updated_at: updatedAt,
  last_used_at: null,
  expires_at: null,
  reconnect_by: null,
};

const policy = { methods: ['GET'], paths: ['/users.*'] };
const share = { with: 'user:bob', permission: 'use' };

type Example = { readonly body?: unknown; readonly answer: unknown };

export const examples: Readonly<Record<string, Example>> = {
  'list-connectors': {
    answer: {
      connectors: [
        {
          connectorId: 'slack',
          name: 'Slack',
          categories: ['communication'],
          authenticationTypes: ['oauth2'],
          docsUrl: 'https://docs.slack.dev',
        },
      ],
    },
  },
  'get-connector-credentials': {
    answer: {
      credentials: [
        {
          credentialId,
          name: "Ann's Slack Credential",
          connectorId: 'slack',
          authenticationType: 'oauth2',
          createdAt,
          updatedAt,
        },
      ],
    },
  },
  'get-connector-credentials-metadata': {
    answer: {
      metadata: [
        {
          authenticationType: 'oauth2',
          authConfigRequired: false,
          inputSchema: {
            type: 'object',
            properties: {
              userId: { type: 'string', description: 'User ID of the credential' },
              authenticationType: {
                type: 'string',
                description: 'Type of authentication method of the connector',
                const: 'oauth2',
              },
              redirectUri: { type: 'string', format: 'uri', description: 'Redirect URI for OAuth authentication' },
            },
            required: ['userId', 'authenticationType', 'redirectUri'],
          },
          sampleInput: { userId: 'ann', authenticationType: 'oauth2', redirectUri: 'https://example.com' },
        },
      ],
    },
  },
  'create-connector-credential': {
    body: { userId: 'ann', authenticationType: 'oauth2', redirectUri: 'http://localhost:3000' },
    answer: { credentialId },
  },
  connection_credentials_by_id_connection__connection_id__credentials_get: {
    answer: { data: { connection_id: credentialId, credentials: { apiKey: 'the key as it was entered' } } },
  },
  connection_by_id: { answer: { data: connection } },
  update_connection: { body: { name: 'Work', policy }, answer: { data: { ...connection, name: 'Work', policy } } },
  delete_connection: { answer: { data: { connection_id: credentialId, deleted: true, revocation: 'revoked' } } },
  share_connection: {
    body: { ...share, policy },
    answer: { data: { connection_id: credentialId, shares: [{ ...share, policy }] } },
  },
  'list-credentials': {
    answer: [
      {
        id: credentialId,
        service: 'openai',
        name: 'primary',
        created_at: 1_700_000_000,
        last_used_at: 1_700_100_000,
      },
    ],
  },
  'list-auth-configs': { answer: { authConfigs: [authConfig] } },
  'create-auth-config': {
    body: { connectorId: 'slack', clientId: authConfig.clientId, clientSecret: 'the secret as Slack shows it' },
    answer: { authConfigId },
  },
  'update-auth-config': { body: { name: 'Work app' }, answer: { ...authConfig, name: 'Work app' } },
  'delete-auth-config': { answer: { authConfigId, deleted: true } },
  'read-audit': {
    answer: {
      events: [
        {
          time: createdAt,
          tenant: 'default',
          user: 'ann',
          action: 'credential.create',
          subject: credentialId,
          connectorId: 'slack',
          outcome: 'allowed',
        },
      ],
    },
  },
};
