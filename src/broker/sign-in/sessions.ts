/**
 * Session tokens: bearer tokens that Keyward issues itself. Each is shown once and stored as a hash only. They are
 * looked up with every request, so a revoked one is refused at the next request, in every process on the vault.
 */
import { hash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { KeywardError } from '../../errors.ts';
import { type Limits, type Owner, type Principal, type Scope, scopes } from '../../principal.ts';
import { canonicalJson, type Session, type TokenParent, type Vault } from '../../vault/vault.ts';
import { findAssistant, nameOfAssistant, viaAssistant } from '../authorization/assistants.ts';
import type { Proved } from '../authorization/tokens.ts';
import { allOf } from '../input/paging.ts';
import { oneLine, readId } from '../input/text.ts';
import { limitsFrom, narrower, type StoredLimits, storedFrom } from '../policy/limits.ts';
import { who } from '../policy/policy.ts';

export type { Session };

/** What sessions need of a broker. */
type Parts = { readonly vault: Vault };

/** `kw_`, the id without dashes, and 256 bits in base64url. */
const form = /^kw_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})([\w-]{43})$/;

/** Longest tenant or user, in characters. */
const maxName = 255;
/** Longest name of a token, in characters. */
const maxLabel = 100;
/** So many tokens in a row may be made each from the one before. */
export const maxDepth = 4;
/** Most connections, and most services, that a token is limited to. */
export const maxChosen = 100;

/** True for a text that has the form of a session token, whether or not there is such a session. */
export function isSessionToken(text: string): boolean {
  return form.test(text);
}

/** What a session is made of. */
type SessionInput = Owner & {
  readonly scopes: readonly string[];
  readonly expiresAt: number | null;
  /** What its owner knows it by. */
  readonly name?: string | undefined;
  /** Left out: those of who makes it, if any. */
  readonly limits?: Limits | undefined;
  /** The token that it is made from, and ends with. */
  readonly parent?: TokenParent;
};

/**
 * Makes a session for somebody; `by` is who makes it, for the audit log. Whoever has limits makes no wider one.
 *
 * @throws KeywardError `invalid_input` for a name, tenant, user, scope or limit that can't be one
 */
export async function createSession(
  { vault }: Parts,
  by: Principal,
  input: SessionInput,
): Promise<{ readonly sessionId: string; readonly token: string }> {
  checkNames(input);
  const unknown = input.scopes.filter((scope) => !(scopes as readonly string[]).includes(scope));
  if (unknown.length > 0 || input.scopes.length === 0) {
    throw invalid('scopes', `must be some of ${scopes.join(', ')}`);
  }
  const secret = randomBytes(32).toString('base64url');
  const { tenant, user, expiresAt, name, parent } = input;
  if (name !== undefined && oneLine(name, maxLabel) !== name) {
    throw invalid('name', `must be one line of 1 to ${maxLabel} characters`);
  }
  const limits = storedFrom(narrower(by.limits, input.limits));
  for (const field of ['connections', 'connectors'] as const) {
    const chosen = limits?.[field];
    if (chosen && (chosen.length === 0 || chosen.length > maxChosen)) throw invalid(field, `must be 1 to ${maxChosen}`);
  }
  const record = {
    id: randomUUID(),
    tenant,
    owner: user,
    hash: hashOf(secret, { limits, parent }),
    scopes: [...new Set(input.scopes)],
    expiresAt,
    ...(name !== undefined && { name }),
    ...(limits && { limits }),
    ...(parent && { parent }),
  };
  await vault.audit({ ...who(by), action: 'session.create', subject: record.id, outcome: 'allowed' });
  await vault.commit([{ op: 'create', kind: 'session', record, secret: {} }]);
  return { sessionId: record.id, token: `kw_${record.id.replaceAll('-', '')}${secret}` };
}

/** Every session, oldest first. */
export function listSessions({ vault }: Parts): Promise<Session[]> {
  return allOf((page) => vault.listTokens('session', page));
}

/** The session tokens of one person that are good now, oldest first. */
export async function sessionsOf({ vault }: Parts, { tenant, user }: Owner): Promise<Session[]> {
  const all = await allOf((page) => vault.list('session', { tenant, user }, {}, page));
  return all.filter(isGood);
}

/** True when at least one session token is good now. */
export async function hasSession(parts: Parts): Promise<boolean> {
  return (await listSessions(parts)).some((session) => isGood(session));
}

/** Ends a session, whoever's it is: its token is refused from the next request on. */
export async function revokeSession(parts: Parts, by: Principal, id: string): Promise<void> {
  await revoke(parts, by, id, await parts.vault.findSession(readId(id, 'id')));
}

/** Ends a session of the caller's own; one of somebody else is `not_found` as one that there is not. */
export async function revokeOwnSession(parts: Parts, by: Principal, id: string): Promise<void> {
  await revoke(parts, by, id, await parts.vault.get('session', by, readId(id, 'id')));
}

async function revoke({ vault }: Parts, by: Principal, id: string, record: Session | undefined): Promise<void> {
  if (!record) {
    throw new KeywardError('not_found', `There is no session token ${id}.`, { hint: 'List them to see the ids.' });
  }
  await vault.audit({ ...who(by), action: 'session.revoke', subject: id, outcome: 'allowed' });
  await vault.commit([{ op: 'delete', kind: 'session', record }]);
}

/**
 * Who a session token stands for; null for one that is unknown, altered, expired or revoked, or made from one that is.
 *
 * @param resource what tokens of assistants have to be for; null where no assistant is let in, nor what was made from one
 * @throws KeywardError `unauthenticated` for limits that this version can't read
 */
export async function principalOfSession(parts: Parts, token: string, resource: string | null = null) {
  return (await readSessionToken(parts, token, resource))?.principal ?? null;
}

/** As `principalOfSession`, with what a token that is made from this one has to know. */
export async function readSessionToken(parts: Parts, token: string, resource: string | null): Promise<Proved | null> {
  const [, a, b, c, d, e, secret] = form.exec(token) ?? [];
  if (secret === undefined) return null;
  const session = await parts.vault.findSession(`${a}-${b}-${c}-${d}-${e}`);
  if (!session || !isIts(session, secret)) return null;
  const standing = await standingOf(parts, session, resource);
  if (standing === null) return null;
  parts.vault.touchToken(session);
  const { scopes, limits, endsAt, depth, root } = standing;
  const { id, tenant, owner: user, parent, name } = session;
  // Whoever makes a token from another one chooses the name: the id keeps it apart from others.
  const client = parent === undefined ? name : `${name} (token ${id.slice(0, 8)})`;
  const made = parent === undefined ? {} : { root };
  const proof = { via: `session ${id}`, ...(client !== undefined && { client }), ...(limits && { limits }), ...made };
  return { principal: { tenant, user, scopes, ...proof }, endsAt, depth, parent: { kind: 'session', id } };
}

type Standing = Pick<Principal, 'scopes'> &
  Pick<Proved, 'endsAt' | 'depth'> & {
    readonly limits: Limits | undefined;
    /** The program that all of it began with. */
    readonly root: NonNullable<Principal['root']>;
  };

/** How far a session reaches at this moment; null when it, or what it was made from, has ended. */
async function standingOf(parts: Parts, session: Session, resource: string | null): Promise<Standing | null> {
  const { expiresAt, parent } = session;
  if (expiresAt !== null && expiresAt <= Date.now()) return null;
  const own = { scopes: new Set(session.scopes as readonly Scope[]), limits: limitsFrom(session.limits) };
  const { id, name = `token ${id.slice(0, 8)}` } = session;
  if (parent === undefined)
    return { ...own, endsAt: expiresAt, depth: 0, root: { client: name, via: `session ${id}` } };
  const above = await standingAbove(parts, session, parent, resource);
  if (above === null || above.depth >= maxDepth) return null;
  return {
    scopes: new Set([...own.scopes].filter((scope) => above.scopes.has(scope))),
    limits: narrower(above.limits, own.limits),
    endsAt: Math.min(above.endsAt ?? Number.POSITIVE_INFINITY, expiresAt ?? Number.POSITIVE_INFINITY),
    depth: above.depth + 1,
    root: above.root,
  };
}

async function standingAbove(
  parts: Parts,
  { tenant, owner }: Session,
  { kind, id }: TokenParent,
  resource: string | null,
): Promise<Standing | null> {
  const found = kind === 'session' ? await parts.vault.findSession(id) : await findAssistant(parts, id);
  if (!found || found.tenant !== tenant || found.owner !== owner) return null;
  if (!('rotation' in found)) return standingOf(parts, found, resource);
  if (found.status !== 'active' || found.resource !== resource) return null;
  const scopes = new Set(found.scopes as readonly Scope[]);
  const root = { client: nameOfAssistant(found), via: viaAssistant(found) };
  return { scopes, limits: limitsFrom(found.limits), endsAt: found.expiresAt, depth: 0, root };
}

function isIts({ hash: known, limits, parent }: Session, secret: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(secret, { limits, parent })), Buffer.from(known));
}

function isGood({ expiresAt }: Session): boolean {
  return expiresAt === null || expiresAt > Date.now();
}

type Bounds = { readonly limits: StoredLimits | undefined; readonly parent: TokenParent | undefined };

/**
 * The limits and the parent are part of what is hashed: a row that lost them lets nobody in, and neither does an older
 * Keyward, which does not know them.
 */
function hashOf(secret: string, { limits, parent }: Bounds): string {
  const bounds = parent === undefined ? limits : { ...(limits && { limits }), parent };
  return hash('sha256', bounds === undefined ? secret : `${secret} ${canonicalJson(bounds)}`, 'hex');
}

/**
 * Refuses a tenant or a user that nobody can be.
 *
 * @throws KeywardError `invalid_input`
 */
export function checkNames(person: Owner): void {
  for (const field of ['tenant', 'user'] as const) {
    if (oneLine(person[field], maxName) !== person[field])
      throw invalid(field, `must be one line of 1 to ${maxName} characters`);
  }
}

function invalid(field: string, rule: string): KeywardError {
  return new KeywardError('invalid_input', `${field} ${rule}.`, { details: { fields: { [field]: rule } } });
}
