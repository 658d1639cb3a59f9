/** Alloy's Connectivity API: credentials of a connector. */
import * as z from 'zod';
import { createCredential } from '../../broker/connect/create.ts';
import { ownedCredentials } from '../../broker/credentials/manage.ts';
import { getCredentialMetadata, listConnectors } from '../../broker/credentials/metadata.ts';
import { maxLimit } from '../../broker/input/paging.ts';
import { userHeader } from '../listener/request-head.ts';
import { defineOperation, type Operation } from './operation.ts';
import { versionHeader } from './versions.ts';

const userId = z.string().min(1).max(500);
const params = { connectorId: z.string().min(1).max(100).meta({ example: 'slack' }) };
const headers = versionHeader('alloy');
/** Whoever acts for its users names the user here. */
const asUser = { ...headers, [userHeader]: userId.optional().describe('The user whose credentials are meant') };
const time = z.string().meta({ format: 'date-time' });

const credential = z.object({
  credentialId: z.string(),
  name: z.string(),
  connectorId: z.string(),
  authenticationType: z.string(),
  createdAt: time,
  updatedAt: time,
});

export const alloy: readonly Operation[] = [
  defineOperation({
    method: 'get',
    path: '/connectors',
    family: 'alloy',
    operationId: 'list-connectors',
    summary: 'What can be connected, by relevance to the query',
    scope: 'credentials:read',
    query: {
      query: z.string().max(200).optional(),
      category: z.string().max(100).optional(),
      cursor: z.string().max(1_000).optional(),
      limit: z.coerce.number().int().min(1).max(maxLimit).optional(),
    },
    headers,
    answers: z.object({
      connectors: z.array(
        z.object({
          connectorId: z.string(),
          name: z.string(),
          categories: z.array(z.string()),
          authenticationTypes: z.array(z.string()),
          docsUrl: z.string(),
          custom: z.boolean().optional().describe('Described by a file of whoever runs this Keyward'),
        }),
      ),
      nextCursor: z.string().optional(),
      hint: z.string().optional().describe('What else to do where nothing was found'),
    }),
    handle: ({ broker, principal }, { query }) => listConnectors(broker, principal, query),
  }),
  defineOperation({
    method: 'get',
    path: '/connectors/{connectorId}/credentials',
    family: 'alloy',
    operationId: 'get-connector-credentials',
    summary: 'Get Connector Credentials',
    scope: 'credentials:read',
    params,
    headers: asUser,
    answers: z.object({ credentials: z.array(credential) }),
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
    operationId: 'create-connector-credential',
    summary: 'Create a Credential for a Connector',
    scope: 'credentials:write',
    params,
    headers,
    body: z
      .looseObject({
        userId,
        authenticationType: z.string().min(1).max(100),
        authConfigId: z.string().min(1).max(100).optional(),
        redirectUri: z.string().min(1).max(2_000).meta({ format: 'uri' }).optional(),
        name: z.string().min(1).max(100).optional(),
        connectorId: z.never({ error: 'is in the path' }).optional(),
        credentialId: z.string().optional().describe('Reconnect this credential in place'),
      })
      .describe('These, and the fields of the inputSchema that the metadata has for the authentication type'),
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
