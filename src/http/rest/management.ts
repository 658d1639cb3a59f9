/** What people and backends manage: OAuth clients, and the audit log. */
import * as z from 'zod';
import { readAudit } from '../../broker/credentials/read-audit.ts';
import { isoTime } from '../../broker/credentials/view.ts';
import {
  addAuthConfig,
  listAuthConfigs,
  removeAuthConfig,
  updateAuthConfig,
} from '../../broker/grants/auth-configs.ts';
import { defineOperation, type Operation, paging } from './operation.ts';
import { versionHeader } from './versions.ts';

const headers = versionHeader('alloy');
const params = { authConfigId: z.string().meta({ format: 'uuid', description: 'ID of the auth config' }) };
const time = z.string().meta({ format: 'date-time' });

const authConfig = z
  .object({
    authConfigId: z.string(),
    connectorId: z.string(),
    name: z.string(),
    clientId: z.string(),
    scopes: z.array(z.string()).nullable(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'AuthConfig' });

const auditEvent = z
  .object({
    time,
    tenant: z.string(),
    user: z.string(),
    onBehalfOf: z.string().optional(),
    client: z.string().optional(),
    action: z.string(),
    subject: z.string().optional(),
    connectorId: z.string().optional(),
    request: z.string().optional(),
    outcome: z.enum(['allowed', 'refused', 'failed']),
    code: z.string().optional(),
    count: z.int().optional(),
  })
  .meta({ id: 'AuditEvent' });

export const management: readonly Operation[] = [
  defineOperation({
    method: 'get',
    path: '/auth-configs',
    family: 'alloy',
    tag: 'Auth configs',
    operationId: 'list-auth-configs',
    summary: 'The OAuth clients of the caller, without their secrets',
    scope: 'credentials:read',
    headers,
    answers: z.object({ authConfigs: z.array(authConfig) }),
    handle: async ({ broker, principal }) => ({
      authConfigs: (await listAuthConfigs(broker, principal)).map(shown),
    }),
  }),
  defineOperation({
    method: 'post',
    path: '/auth-configs',
    family: 'alloy',
    tag: 'Auth configs',
    operationId: 'create-auth-config',
    summary: 'Store an OAuth client for a connector',
    scope: 'credentials:write',
    fails: [404],
    headers,
    body: z.strictObject({
      connectorId: z.string().min(1).max(100),
      clientId: z.string(),
      clientSecret: z.string().meta({ writeOnly: true }).optional().describe('Left out for a public client'),
      server: z
        .string()
        .min(1)
        .max(2_000)
        .optional()
        .describe('Where the connection names its authorization server: the issuer or token endpoint that it names'),
      name: z.string().min(1).max(100).optional(),
    }),
    answers: z.object({ authConfigId: z.string() }),
    handle: ({ broker, principal }, { body: { clientSecret = '', ...rest } }) =>
      addAuthConfig(broker, principal, { ...rest, clientSecret }),
  }),
  defineOperation({
    method: 'patch',
    path: '/auth-configs/{authConfigId}',
    family: 'alloy',
    tag: 'Auth configs',
    operationId: 'update-auth-config',
    summary: 'Rename an OAuth client, or replace its secret',
    scope: 'credentials:write',
    fails: [409],
    params,
    headers,
    body: z.strictObject({
      name: z.string().optional(),
      clientSecret: z.string().meta({ writeOnly: true }).optional(),
    }),
    answers: authConfig,
    handle: async ({ broker, principal }, { path, body }) =>
      shown(await updateAuthConfig(broker, principal, { ...path, ...body })),
  }),
  defineOperation({
    method: 'delete',
    path: '/auth-configs/{authConfigId}',
    family: 'alloy',
    tag: 'Auth configs',
    operationId: 'delete-auth-config',
    summary: 'Forget an OAuth client; connections made with it stop renewing',
    scope: 'credentials:write',
    fails: [409],
    params,
    headers,
    answers: z.object({ authConfigId: z.string(), deleted: z.boolean() }),
    handle: async ({ broker, principal }, { path }) => {
      await removeAuthConfig(broker, principal, path.authConfigId);
      return { ...path, deleted: true };
    },
  }),
  defineOperation({
    method: 'get',
    path: '/audit',
    family: 'alloy',
    tag: 'Audit',
    operationId: 'read-audit',
    summary:
      'What happened in the caller’s tenant, oldest first; a page with nextCursor is not the last, even an empty one',
    scope: 'audit:read',
    query: paging,
    headers,
    answers: z.object({ events: z.array(auditEvent), nextCursor: z.string().optional() }),
    handle: ({ broker, principal }, { query }) => readAudit(broker, principal, query),
  }),
];

function shown(record: Awaited<ReturnType<typeof listAuthConfigs>>[number]): z.input<typeof authConfig> {
  const { id, connectorId, name, clientId, scopes, createdAt, updatedAt } = record;
  return {
    authConfigId: id,
    connectorId,
    name,
    clientId,
    scopes: scopes === null ? null : [...scopes],
    createdAt: isoTime(createdAt),
    updatedAt: isoTime(updatedAt),
  };
}
