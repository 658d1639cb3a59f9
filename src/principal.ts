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

/** What an assistant starts with. The rest hands out secrets, widens access or is for backends: each is asked for by name. */
export const usualScopes: readonly Scope[] = ['credentials:read', 'credentials:write', 'credentials:use'];

/** The two names that own a record. */
export type Owner = { readonly tenant: string; readonly user: string };

/**
 * What a token is held to: all else does not exist for whoever comes with it. Each part that is there narrows it further,
 * and an absent part limits nothing.
 */
export type Limits = {
  /** The ids of the only connections that there are. */
  readonly connections?: ReadonlySet<string>;
  /** The ids of the connectors whose connections are the only ones that there are. */
  readonly connectors?: ReadonlySet<string>;
  /** It reads at services, and changes nothing in Keyward. */
  readonly readOnly?: boolean;
};

/**
 * The caller of one operation. `client` names the program that asks, for the audit log and the pages; `via` is what it
 * proved itself with (a session, an OAuth client), where it had to. `actor` is the user who acts for this one
 * (`credentials:act-as`); the scopes are the actor's then. `limits` are those of what it proved itself with.
 */
export type Principal = Owner & {
  readonly scopes: ReadonlySet<Scope>;
  readonly client?: string;
  readonly via?: string;
  readonly actor?: string;
  readonly limits?: Limits;
  /**
   * Of a token that was made from another one: the program that the first of them is of, by its name and proof. What a person
   * is asked, and their noes, count for that program, whatever the one that it made is called.
   */
  readonly root?: { readonly client: string; readonly via: string };
};

/**
 * Who the subject of an issuer's token is here: `<issuer>#<subject>`. No issuer contains `#`, and no subject of one
 * issuer is ever the user of another, or of a session token.
 */
export function userOfIssuer(issuer: string, subject: string): string {
  return `${issuer}#${subject}`;
}

/** The issuer's part of a user, up to and with the `#`. */
const issuerPart = /^https?:\/\/[^#]*#/;

/** The short name of a user: the subject of an issuer's user, any other user as it is. */
export function subjectOf(user: string): string {
  return user.replace(issuerPart, '');
}

/**
 * The user that a caller means by a name: callers know each other by subject, so a bare one is of the caller's own
 * issuer. A full name stays as it is, and so do the users of session tokens, who have no issuer.
 */
export function userNamedBy({ user }: Owner, name: string): string {
  return issuerPart.test(name) ? name : `${issuerPart.exec(user)?.[0] ?? ''}${name}`;
}

/** The shortest name that whoever calls means this user by: the other way round of {@link userNamedBy}. */
export function nameOf({ tenant, user, actor = user }: Owner & { readonly actor?: string }): string {
  const subject = subjectOf(user);
  return userNamedBy({ tenant, user: actor }, subject) === user ? subject : user;
}

/** Owns what belongs to the whole vault, such as sign-in codes; no principal can be it, since a tenant is never empty. */
export const nobody: Owner = { tenant: '', user: '' };

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
