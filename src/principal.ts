/** Who is calling. Every operation of the broker takes a principal. */

/** What a principal may do; over HTTP the scopes of its bearer token. */
export const scopes = [
  'credentials:read',
  'credentials:write',
  'credentials:use',
  'credentials:release',
  'credentials:share',
  'credentials:act-as',
  'audit:read',
] as const;

export type Scope = (typeof scopes)[number];

/** The two names that own a record. */
export type Owner = { readonly tenant: string; readonly user: string };

/** The caller of one operation. `client` names the program that asks, for the audit log and the pages. */
export type Principal = Owner & { readonly scopes: ReadonlySet<Scope>; readonly client?: string };

/**
 * The person at this computer: the principal of every stdio session. The names are fixed so that a vault can move
 * to another machine and another login name.
 */
export const localPrincipal: Principal = {
  tenant: 'local',
  user: 'local',
  // One person acts for nobody else, so `credentials:act-as` is not among them.
  scopes: new Set<Scope>(scopes.filter((scope) => scope !== 'credentials:act-as')),
};
