/** People of several tenants, as bearer tokens would name them. */
import { type Owner, type Principal, type Scope, scopes } from '../../src/principal.ts';
import type { Reader } from '../../src/store/sharing.ts';

/** A person with every scope but acting for others. */
export function person(tenant: string, user: string, also: readonly Scope[] = []): Principal {
  return { tenant, user, scopes: new Set([...scopes.filter((scope) => scope !== 'credentials:act-as'), ...also]) };
}

/** Somebody who reads, and to whom nothing crosses from other tenants but what is said. */
export function reading({ tenant, user }: Owner, crossing: Partial<Reader> = {}): Reader {
  return { tenant, user, trusted: [], offers: false, ...crossing };
}
