/** Fishnet's list: a bare array, times in whole seconds. */
import * as z from 'zod';
import { ownedCredentials } from '../../broker/credentials/manage.ts';
import { defineOperation, forUser, type Operation } from './operation.ts';

export const fishnet: readonly Operation[] = [
  defineOperation({
    method: 'get',
    path: '/api/credentials',
    family: 'fishnet',
    tag: 'Credentials',
    operationId: 'list-credentials',
    summary: 'List Credentials',
    scope: 'credentials:read',
    headers: forUser,
    answers: z.array(
      z
        .object({
          id: z.string().meta({ format: 'uuid' }),
          service: z.string(),
          name: z.string(),
          created_at: z.int().describe('Unix timestamp'),
          last_used_at: z.int().nullable().describe('Unix timestamp; null if never used'),
        })
        .meta({ id: 'CredentialMetadata', title: 'Credential Metadata Object' }),
    ),
    handle: async ({ broker, principal }) =>
      (await ownedCredentials(broker, principal, {})).map((view) => ({
        id: view.credentialId,
        service: view.connectorId,
        name: view.name,
        created_at: seconds(view.createdAt),
        last_used_at: view.lastUsedAt === null ? null : seconds(view.lastUsedAt),
      })),
  }),
];

/** ISO 8601 as whole seconds since 1970. */
function seconds(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
