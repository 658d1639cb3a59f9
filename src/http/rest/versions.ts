/** `x-api-version`: what each documented system knows, the default first. */
import * as z from 'zod';
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
  return { 'x-api-version': text.optional().meta({ default: versions[family], description: 'API version' }) };
}

/** Refuses a version that is not served; none means the default. */
export function checkVersion(family: Family, asked: string | undefined): void {
  const served = versions[family];
  if (served === null || asked === undefined || asked === served) return;
  throw new RequestError(400, `x-api-version must be ${served}.`);
}
