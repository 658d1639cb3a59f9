/** Who reads an answer that something went wrong: a program, in the words of the interface it uses, or a person. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { PublicError } from '../../errors.ts';
import type { ProgramBody } from '../middleware/app.ts';
import { familyBody } from './errors.ts';
import type { Family, Operation } from './operation.ts';

/** What the addresses of pages begin with. A browser opens nothing else. */
const pages = new Set([
  '',
  'approvals',
  'assistants',
  'connect',
  'connections',
  'oauth',
  'offers',
  'sign-in',
  'sign-out',
]);

/**
 * The rule for every address. A page speaks to a person. A documented path, and whatever begins as one, answers a program
 * in that interface's words, also where the path leads nowhere. At any other address nobody knows: only a browser, which
 * asks for HTML by name, gets a page.
 *
 * @returns what makes the body for a program; null for a page
 */
export function createAudience(operations: readonly Operation[]): (c: Context) => ProgramBody | null {
  const families = new Map<string, Family>(operations.map(({ path, family }) => [firstPart(path), family]));
  return (c) => {
    const part = firstPart(c.req.path);
    if (pages.has(part)) return null;
    // Of `/connectors/../x` the parsed address has lost where the program meant to go.
    const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
    const family = families.get(part) ?? families.get(firstPart(incoming?.url ?? ''));
    if (family !== undefined) return (status, error) => familyBody(family, status, error);
    return c.req.header('accept')?.includes('text/html') ? null : plainBody;
  };
}

/** As everywhere but in the documented interfaces of others. */
function plainBody(_status: number, error: PublicError): unknown {
  return { error };
}

/** `//api/credentials` → `api`; empty for the root. */
function firstPart(path: string): string {
  return path.split(/[/?]/).find((part) => part !== '') ?? '';
}
