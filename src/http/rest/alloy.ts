/** Alloy's Connectivity API: credentials of a connector. */
import * as z from 'zod';
import { createCredential } from '../../broker/connect/create.ts';
import { ownedCredentials } from '../../broker/credentials/manage.ts';
import { getCredentialMetadata, listConnectors } from '../../broker/credentials/metadata.ts';
import { defineOperation, forUser, type Operation, paging, userField } from './operation.ts';
import { versionHeader } from './versions.ts';

const params = {
  connectorId: z
    .string()
    .min(1)
    .max(100)
    .meta({ description: 'ID of the connector', examples: ['slack'] }),
};
const headers = versionHeader('alloy');
const asUser = { ...headers, ...forUser };
const time = z.string().meta({ format: 'date-time' });

const credential = z
  .object({
    credentialId: z.string(),
    name: z.string(),
    connectorId: z.string(),
    authenticationType: z.string(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Credential' });

const connector = z
  .object({
    connectorId: z.string(),
    name: z.string(),
    categories: z.array(z.string()),
    authenticationTypes: z.array(z.string()),
    docsUrl: z.string(),
    custom: z.boolean().optional().describe('Described by a file of whoever runs this Keyward'),
  })
  .meta({ id: 'Connector' });

export const alloy: readonly Operation[] = [
  defineOperation({
    method: 'get',
    path: '/connectors',
    family: 'alloy',
    tag: 'Connectors',
    operationId: 'list-connectors',
    summary: 'What can be connected, by relevance to the query',
    scope: 'credentials:read',
    query: {
      query: z.string().max(200).optional().describe('Words to search for'),
      category: z.string().max(100).optional().describe('Only connectors of this category'),
      ...paging,
    },
    headers,
    answers: z.object({
      connectors: z.array(connector),
      nextCursor: z.string().optional(),
      hint: z.string().optional().describe('What else to do where nothing was found'),
    }),
    handle: ({ broker, principal }, { query }) => listConnectors(broker, principal, query),
  }),
  defineOperation({
    method: 'get',
    path: '/connectors/{connectorId}/credentials',
    family: 'alloy',
    tag: 'Credentials',
    operationId: 'get-connector-credentials',
    summary: 'Get Connector Credentials',
    scope: 'credentials:read',
    params,
    headers: asUser,
    answers: z.object({ credentials: z.array(credential) }).meta({ id: 'Credentials' }),
    handle: async ({ broker, principal }, { path }) => {
      const owned = await ownedCredentials(broker, principal, path);
      return {
        credentials: owned.map(({ credentialId, name, connectorId, authenticationType, createdAt, updatedAt }) => {
          return { credentialId, name, connectorId, authenticationType, createdAt, updatedAt };
        }),
      };
    },
  }),
  defineOperation({
    method: 'get',
    path: '/connectors/{connectorId}/credentials/metadata',
    family: 'alloy',
    tag: 'Credentials',
    operationId: 'get-connector-credentials-metadata',
    summary: 'Get Connector Credentials Metadata',
    scope: 'credentials:read',
    params,
    headers: asUser,
    answers: z.object({
      metadata: z.array(
        z.object({
          authenticationType: z.string(),
          authConfigRequired: z.boolean(),
          inputSchema: z.looseObject({}),
          sampleInput: z.looseObject({}),
        }),
      ),
    }),
    handle: async ({ broker, principal }, { path }) => {
      const { metadata } = await getCredentialMetadata(broker, principal, path, 'program');
      return { metadata: metadata.map((form) => ({ ...form, inputSchema: { ...form.inputSchema } })) };
    },
  }),
  defineOperation({
    method: 'post',
    path: '/connectors/{connectorId}/credentials',
    family: 'alloy',
    tag: 'Credentials',
    operationId: 'create-connector-credential',
    summary: 'Create a Credential for a Connector',
    scope: 'credentials:write',
    fails: [409, 502],
    params,
    headers,
    body: z
      .looseObject({
        userId: userField,
        authenticationType: z.string().min(1).max(100),
        authConfigId: z.string().min(1).max(100).optional(),
        redirectUri: z.string().min(1).max(2_000).meta({ format: 'uri' }).optional(),
        name: z.string().min(1).max(100).optional(),
        connectorId: z.never({ error: 'is in the path' }).optional(),
        credentialId: z.string().optional().describe('Reconnect this credential in place'),
      })
      .meta({
        id: 'CreateConnectorCredentialRequest',
        description: 'These, and the fields of the inputSchema that the metadata has for the authentication type',
      }),
    answers: z.union([
      z.object({ oauthUrl: z.string().meta({ format: 'uri' }) }),
      z.object({ credentialId: z.string() }),
    ]),
    handle: async ({ broker, principal }, { path, body }) => {
      const created = await createCredential(broker, principal, { ...body, ...path }, { obtainedBy: 'rest' });
      return created.kind === 'created' ? { credentialId: created.credentialId } : { oauthUrl: created.url };
    },
  }),
];
