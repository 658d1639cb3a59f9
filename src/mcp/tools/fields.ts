/** Fields that several tools take. */
import * as z from 'zod';
import { presetNames } from '../../broker/calls/policy-input.ts';
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

const methods = z.array(z.string()).nullable().optional();
const paths = z.array(z.string().max(500)).nullable().optional();

/** Which calls are allowed; the broker checks the rules themselves. */
export const policy = () =>
  z.strictObject({
    preset: z
      .enum(presetNames)
      .optional()
      .describe('Stands alone. readOnly: GET and HEAD only; askBeforeWriting: the owner is asked before anything else'),
    methods: methods.describe('e.g. ["GET"]; left out: every method'),
    paths: paths.describe('e.g. ["/repos/**"]: * is one segment, ** the rest; left out: every path'),
    ask: z
      .array(z.strictObject({ methods, except: z.array(z.string()).optional(), paths }))
      .optional()
      .describe('The owner is asked before these calls; except: every method but these'),
    tools: z
      .looseObject({})
      .optional()
      .describe('Of an MCP server: {"allow":["get_*"],"ask":[],"refuse":[],"unseen":"refuse"}'),
  });
