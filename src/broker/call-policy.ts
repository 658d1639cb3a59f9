/**
 * Which calls a connection may make: the owner's policy for everybody, and within it the one of the share that lets
 * somebody else in. Allow-lists only; what is not listed is refused.
 */
import { KeywardError } from '../errors.ts';
import type { Owner } from '../principal.ts';
import { type CallPolicy, type Credential, reaches } from '../vault/vault.ts';
import { covers, type Segments, segmentsOf } from './path-pattern.ts';

export type { CallPolicy } from '../vault/vault.ts';

/** What a `use` share may call unless its owner said otherwise: methods that read (RFC 9110 §9.2.1). */
export const readingPolicy: CallPolicy = { methods: ['GET', 'HEAD', 'OPTIONS'], paths: null };

/**
 * Returns when this call is within the rules. `path` is what goes to the service, without its query; the headers and
 * parameters with which some services take another method than the request's are not looked at.
 *
 * @throws KeywardError `forbidden`, which names the rules that hold
 */
export function checkCall(
  row: Pick<Credential, 'tenant' | 'policy' | 'shares'>,
  access: 'owner' | 'use',
  viewer: Owner,
  method: string,
  path: string,
): void {
  const call = { method: method.toUpperCase(), segments: segmentsOf(path) };
  const own = row.policy ?? null;
  if (own !== null && !allows(own, call)) {
    throw new KeywardError('forbidden', 'The policy of this connection does not allow this call.', {
      hint: `${inWords(own)} Only its owner can change that.`,
    });
  }
  if (access === 'owner') return;
  const policies = (row.shares ?? [])
    .filter((share) => share.permission === 'use' && reaches(share, row.tenant, viewer))
    .map((share) => share.policy ?? readingPolicy);
  if (policies.some((policy) => allows(policy, call))) return;
  throw new KeywardError('forbidden', 'The share of this connection does not allow this call.', {
    hint: [...policies.map(inWords), 'Only its owner can change that.'].join(' '),
  });
}

function allows(policy: CallPolicy, call: { readonly method: string; readonly segments: Segments | null }): boolean {
  return allowsMethod(policy, call.method) && allowsPath(policy, call.segments);
}

/** HEAD is GET without the body (RFC 9110 §9.3.2), so GET allows both. */
function allowsMethod({ methods }: CallPolicy, method: string): boolean {
  return methods === null || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

function allowsPath({ paths }: CallPolicy, segments: Segments | null): boolean {
  if (paths === null) return true;
  return segments !== null && paths.some((pattern) => matches(pattern, segments));
}

function matches(pattern: string, segments: Segments): boolean {
  const own = segmentsOf(pattern);
  return own !== null && covers(own, segments);
}

/** True when `next` allows a call that `now` does not. */
export function widensPolicy(now: CallPolicy | null, next: CallPolicy | null): boolean {
  const before = now ?? { methods: null, paths: null };
  const after = next ?? { methods: null, paths: null };
  const methods =
    before.methods !== null && (after.methods === null || after.methods.some((one) => !allowsMethod(before, one)));
  const paths =
    before.paths !== null &&
    (after.paths === null || after.paths.some((pattern) => !allowsPath(before, segmentsOf(pattern))));
  return methods || paths;
}

/** The rules as a person or a model reads them. */
export function inWords({ methods, paths }: CallPolicy): string {
  return `Allowed: ${methods?.join(', ') ?? 'every method'} on ${paths?.join(', ') ?? 'every path'}.`;
}
