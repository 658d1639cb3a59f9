/** PathStack's connections, and the rest that can be done with one, in the same style. */
import * as z from 'zod';
import { presetNames } from '../../broker/calls/policy-input.ts';
import { deleteCredential } from '../../broker/credentials/delete.ts';
import { getConnection, updateCredential } from '../../broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../broker/credentials/release.ts';
import { shareConnection } from '../../broker/credentials/share.ts';
import type { ShareView } from '../../broker/credentials/view.ts';
import { idIn } from '../../broker/input/text.ts';
import { KeywardError } from '../../errors.ts';
import { defineOperation, forUser, type Operation } from './operation.ts';
import { versionHeader } from './versions.ts';

const params = { connection_id: z.string().meta({ format: 'uuid', description: 'ID of the connection' }) };
const headers = versionHeader('pathstack');
const time = z.string().meta({ format: 'date-time' });
const toolRules = z
  .object({
    allow: z.array(z.string()).nullable(),
    ask: z.array(z.string()),
    refuse: z.array(z.string()),
    unseen: z.enum(['allow', 'ask', 'refuse']),
  })
  .meta({
    id: 'ToolRules',
    description:
      'Which tools of an MCP server: names, in which * stands for any characters; prompt: and resource: come before those of prompts and resources. unseen: what becomes of a tool that is new, or that changed since its owner saw it',
  });
const callRule = z
  .object({
    methods: z.array(z.string()).nullable(),
    except: z.array(z.string()).optional(),
    paths: z.array(z.string()).nullable(),
  })
  .meta({ id: 'CallRule', description: 'Calls by method and path. except: every method but these' });
const policy = z
  .object({
    methods: z.array(z.string()).nullable(),
    paths: z.array(z.string()).nullable(),
    ask: z.array(callRule).optional().describe('Calls of which the owner is asked first, even where they are allowed'),
    tools: toolRules.optional(),
  })
  .meta({
    id: 'Policy',
    description:
      'Which calls are allowed: methods, and path patterns such as /repos/**; null is all of them. Of an MCP server, which tools',
  });
const policyInput = policy
  .extend({
    preset: z
      .enum(presetNames)
      .describe('Stands alone. readOnly: GET and HEAD only; askBeforeWriting: the owner is asked before anything else'),
    tools: toolRules.partial().strict(),
    ask: z.array(callRule.partial().strict()),
  })
  .partial()
  .strict()
  .meta({ id: 'PolicyInput' });
const share = z
  .object({
    with: z.string(),
    permission: z.enum(['view', 'use']),
    policy: policy.optional(),
    status: z
      .enum(['offered', 'taken', 'ended', 'off'])
      .optional()
      .describe('Of a share with another tenant, which a person there has to take'),
    taken_by: z.array(z.string()).optional(),
    ends_at: time.optional(),
  })
  .meta({ id: 'Share' });
const shares = z.array(share);

const connection = z
  .object({
    connection_id: z.string().meta({ format: 'uuid' }),
    name: z.string(),
    shared_by: z.string().optional().describe('Whose it is; its name and account are quoted then'),
    connector_id: z.string(),
    hosts: z.array(z.string()).describe('Where its calls go'),
    base_url: z.string().optional().describe('What the paths of its calls are below'),
    authentication_type: z.string(),
    status: z.enum(['active', 'reconnect_required']),
    status_reason: z.string().optional(),
    account: z.string().optional(),
    scopes: z.array(z.string()).optional(),
    access: z.enum(['owner', 'use', 'view']),
    created_at: time,
    updated_at: time,
    last_used_at: time.nullable(),
    expires_at: time.nullable(),
    reconnect_by: time.nullable(),
    policy: policy.optional().describe('Absent: no limit'),
    shared_policies: z.array(policy).optional().describe('What the shares that reach the caller allow within it'),
    shares: shares.optional().describe('Only its owner sees them'),
  })
  .meta({ id: 'Connection', title: 'Connection' });

/** FastAPI names a generic type so. */
const success = <T extends z.ZodType>(name: string, data: T) =>
  z.object({ data }).meta({ id: `Success_${name}_`, title: `Success[${name}]` });
const one = success('Connection', connection);
const credentials = z
  .object({ connection_id: z.string().meta({ format: 'uuid' }), credentials: z.looseObject({}) })
  .meta({ id: 'ConnectionCredentials', title: 'ConnectionCredentials' });
const common = { family: 'pathstack', tag: 'Connections', params, headers } as const;
/** What may be done for the user who owns the connection. */
const forOthers = { ...common, headers: { ...headers, ...forUser } } as const;

export const pathstack: readonly Operation[] = [
  defineOperation({
    ...common,
    method: 'get',
    path: '/connection/{connection_id}/credentials',
    operationId: 'connection_credentials_by_id_connection__connection_id__credentials_get',
    summary: 'Connection Credentials By Id',
    scope: 'credentials:release',
    fails: [409, 502],
    answers: success('ConnectionCredentials', credentials),
    handle: ({ broker, principal }, { path }) =>
      named(path.connection_id, async (connectionId) => {
        const { credentials } = await getConnectionCredentials(broker, principal, { connectionId });
        return { data: { connection_id: connectionId, credentials } };
      }),
  }),
  defineOperation({
    ...forOthers,
    method: 'get',
    path: '/connection/{connection_id}',
    operationId: 'connection_by_id',
    summary: 'Connection By Id',
    scope: 'credentials:read',
    answers: one,
    handle: ({ broker, principal }, { path }) =>
      named(path.connection_id, async (connectionId) => ({
        data: shown(await getConnection(broker, principal, { connectionId })),
      })),
  }),
  defineOperation({
    ...forOthers,
    method: 'patch',
    path: '/connection/{connection_id}',
    operationId: 'update_connection',
    summary: 'Rename a connection, or limit which calls it may make; allowing more needs its owner’s approval',
    scope: 'credentials:write',
    fails: [409],
    body: z.strictObject({
      name: z.string().optional(),
      policy: policyInput.nullable().optional().describe('null lifts every limit'),
    }),
    answers: one,
    handle: ({ broker, principal }, { path, body }) =>
      named(path.connection_id, async (credentialId) => ({
        data: shown(await updateCredential(broker, principal, { credentialId, ...body })),
      })),
  }),
  defineOperation({
    ...forOthers,
    method: 'delete',
    path: '/connection/{connection_id}',
    operationId: 'delete_connection',
    summary: 'Revoke the grant at the service where possible, then delete the credential',
    scope: 'credentials:write',
    fails: [409],
    answers: success(
      'Deletion',
      z.object({
        connection_id: z.string(),
        deleted: z.boolean(),
        revocation: z.enum(['revoked', 'kept', 'not_supported', 'failed']),
        detail: z.string().optional(),
      }),
    ),
    handle: ({ broker, principal }, { path }) =>
      named(path.connection_id, async (credentialId) => {
        const { credentialId: connection_id, ...deletion } = await deleteCredential(broker, principal, {
          credentialId,
        });
        return { data: { connection_id, ...deletion } };
      }),
  }),
  defineOperation({
    ...common,
    method: 'put',
    path: '/connection/{connection_id}/shares',
    operationId: 'share_connection',
    summary: 'Set what a user or a tenant may do with a connection',
    scope: 'credentials:share',
    fails: [409],
    body: z.strictObject({
      with: z.string().max(510).describe('user:<id>, or tenant:<id>'),
      permission: z.enum(['view', 'use', 'none']),
      policy: policyInput.optional().describe('Of a use share; left out, methods that read'),
    }),
    answers: success('Shares', z.object({ connection_id: z.string(), shares, hint: z.string().optional() })),
    handle: ({ broker, principal }, { path, body }) =>
      named(path.connection_id, async (connectionId) => {
        const { connectionId: connection_id, ...shared } = await shareConnection(broker, principal, {
          connectionId,
          ...body,
        });
        return { data: { connection_id, ...shared, shares: shared.shares.map(shownShare) } };
      }),
  }),
];

/** Any UUID may be asked for; Keyward's own are UUIDv4, so every other one is missing. */
const anyUuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Does the work for a connection; a missing one is told in the documented words, which repeat the id and nothing else. */
async function named<T>(id: string, work: (connectionId: string) => Promise<T>): Promise<T> {
  const missing = new KeywardError('not_found', `Connection with ID ${id} not found`);
  const connectionId = idIn(id);
  if (connectionId === null && anyUuid.test(id)) throw missing;
  try {
    return await work(connectionId ?? id);
  } catch (error) {
    if (error instanceof KeywardError && error.code === 'not_found') throw missing;
    throw error;
  }
}

type Shown = Awaited<ReturnType<typeof getConnection>>;

/** The metadata row in this style's names. */
function shown(view: Shown): z.input<typeof connection> {
  const { credentialId, connectorId, authenticationType, statusReason, createdAt, updatedAt, ...rest } = view;
  const { lastUsedAt, expiresAt, reconnectBy, sharedPolicies, sharedBy, shares, baseUrl, ...same } = rest;
  return {
    connection_id: credentialId,
    connector_id: connectorId,
    authentication_type: authenticationType,
    ...(statusReason === undefined ? {} : { status_reason: statusReason }),
    ...same,
    ...(sharedBy === undefined ? {} : { shared_by: sharedBy }),
    ...(baseUrl === undefined ? {} : { base_url: baseUrl }),
    ...(shares === undefined ? {} : { shares: shares.map(shownShare) }),
    ...(sharedPolicies === undefined ? {} : { shared_policies: sharedPolicies }),
    created_at: createdAt,
    updated_at: updatedAt,
    last_used_at: lastUsedAt,
    expires_at: expiresAt,
    reconnect_by: reconnectBy,
  };
}

function shownShare({ takenBy, endsAt, ...same }: ShareView): z.input<typeof shares>[number] {
  return { ...same, ...(takenBy && { taken_by: takenBy }), ...(endsAt && { ends_at: endsAt }) };
}
