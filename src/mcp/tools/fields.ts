/** Fields that several tools take. */
import * as z from 'zod';
import { maxLimit } from '../../broker/input/paging.ts';
import { idIn } from '../../broker/input/text.ts';

/** The id of a credential, connection or attempt. */
export function id(description: string) {
  return z
    .string()
    .refine((text) => idIn(text) !== null, { error: 'must be a UUIDv4 as Keyward answered it' })
    .meta({ format: 'uuid', description });
}

export const connectorId = z.string().min(1).max(100).describe('As list_connectors answers it, e.g. github');

export const cursor = z.string().max(1_000).optional().describe('nextCursor of the page before');

export const limit = z.int().min(1).max(maxLimit).optional().describe('Rows a page; default 20');

export const userId = z
  .string()
  .min(1)
  .max(500)
  .optional()
  .describe('Leave out: only backends acting for others use it');

/** Which calls are allowed; the broker checks the rules themselves. */
export const policy = () =>
  z.strictObject({
    methods: z.array(z.string()).nullable().optional().describe('e.g. ["GET"]; left out: every method'),
    paths: z
      .array(z.string().max(500))
      .nullable()
      .optional()
      .describe('e.g. ["/repos/**"]: * is one segment, ** the rest; left out: every path'),
    tools: z
      .looseObject({})
      .optional()
      .describe('Of an MCP server: {"allow":["get_*"],"ask":[],"refuse":[],"unseen":"refuse"}'),
  });
