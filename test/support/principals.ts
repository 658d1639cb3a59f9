/** People of several tenants, as bearer tokens would name them. */
import { type Principal, type Scope, scopes } from '../../src/principal.ts';

/** A person with every scope but acting for others. */
export function person(tenant: string, user: string, also: readonly Scope[] = []): Principal {
  return { tenant, user, scopes: new Set([...scopes.filter((scope) => scope !== 'credentials:act-as'), ...also]) };
}
