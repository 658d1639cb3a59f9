/** `x-api-version`: what each documented system knows, the default first. */
import * as z from 'zod';
import type { RequestHead } from '../listener/request-head.ts';
import { RequestError } from '../middleware/json-body.ts';
import type { Family } from './operation.ts';

const versions: Readonly<Record<Family, string | null>> = {
  alloy: '2025-09',
  pathstack: '2024-03-27',
  fishnet: null,
};

/** The header's field in a family's operations. PathStack documents a date: anything else is 422, not an unknown version. */
export function versionHeader(family: Exclude<Family, 'fishnet'>) {
  const text = family === 'pathstack' ? z.iso.date({ error: 'must be a date' }) : z.string().max(100);
  const served = versions[family];
  return { 'x-api-version': text.optional().meta({ enum: [served], default: served, description: 'API version' }) };
}

/**
 * The version that was asked for. Empty is none, as a client writes it that has no value for it. Sent several times, by a
 * client and by what stands before it, the same value is that value (RFC 9110 §5.3 allows to join them).
 *
 * @throws RequestError for different ones
 */
export function readVersion({ header }: Pick<RequestHead, 'header'>): string | undefined {
  const [version, ...others] = new Set((header('x-api-version') ?? '').split(',').map((one) => one.trim()));
  if (others.length > 0) throw new RequestError(400, 'x-api-version is there with different values.');
  return version === '' ? undefined : version;
}

/** Refuses a version that is not served; none means the default. */
export function checkVersion(family: Family, asked: unknown): void {
  const served = versions[family];
  if (served === null || asked === undefined || asked === served) return;
  throw new RequestError(400, `x-api-version must be ${served}.`);
}
