/** Who may do what. The one place that decides, and that writes the decision down before anything happens. */
import { KeywardError } from '../../errors.ts';
import { type Principal, type Scope, userNamedBy } from '../../principal.ts';
import { oneLine } from '../../text.ts';
import type { AuditEvent } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { isLimited } from './limits.ts';

/** Longest name of a user, in characters. */
const maxUser = 500;

/**
 * Every action, the scope it needs, whether an allowed one is audited, and whether somebody may do it for another user
 * (`credentials:act-as`). Reading metadata is not audited; every release, use and change is. Handing out secrets, saying
 * yes for somebody, and giving something to third parties stay with whoever owns it.
 *
 * `reading`: a token for reading only may do it. A raw secret could write, so it is none of that. `limited`: a token for
 * some connections may do it, with those. Not what is about all of a user or a tenant; and not ending a grant, with which
 * the service may end connections that there are not for this token.
 */
const actions = {
  'connector.read': { scope: 'credentials:read', audited: false, forOthers: true, reading: true, limited: true },
  'credential.read': { scope: 'credentials:read', audited: false, forOthers: true, reading: true, limited: true },
  'attempt.read': { scope: 'credentials:read', audited: false, forOthers: true, reading: true, limited: true },
  'attempt.start': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: true },
  'attempt.agree': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: false },
  'attempt.cancel': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: true },
  'credential.create': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: true },
  'credential.reconnect': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: true },
  'credential.revert': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'credential.update': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: true },
  'credential.end': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'credential.delete': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: false },
  'credential.call': { scope: 'credentials:use', audited: true, forOthers: true, reading: true, limited: true },
  'credential.verify': { scope: 'credentials:use', audited: true, forOthers: true, reading: true, limited: true },
  'credential.release': {
    scope: 'credentials:release',
    audited: true,
    forOthers: false,
    reading: false,
    limited: true,
  },
  'credential.share': { scope: 'credentials:share', audited: true, forOthers: false, reading: false, limited: true },
  'everything.end': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'server.discover': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: true },
  'server.register': { scope: 'credentials:write', audited: true, forOthers: true, reading: false, limited: true },
  'offer.take': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'offer.decline': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'approval.approve': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'approval.deny': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'audit.read': { scope: 'audit:read', audited: false, forOthers: false, reading: true, limited: false },
  'auth_config.read': { scope: 'credentials:read', audited: false, forOthers: false, reading: true, limited: false },
  'auth_config.create': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'auth_config.update': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
  'auth_config.delete': { scope: 'credentials:write', audited: true, forOthers: false, reading: false, limited: false },
} as const satisfies Record<string, ActionRule>;

type ActionRule = {
  readonly scope: Scope;
  readonly audited: boolean;
  readonly forOthers: boolean;
  readonly reading: boolean;
  readonly limited: boolean;
};

export type Action = keyof typeof actions;

/** What an action is about. */
type About = Pick<AuditEvent, 'subject' | 'connectorId' | 'request'>;

/**
 * Returns when the principal may do this and the log has it; throws `insufficient_scope` or `audit_unavailable`
 * otherwise. Call it before the effect.
 */
export async function authorize(
  broker: Broker,
  principal: Principal,
  action: Action,
  about: About = {},
): Promise<void> {
  await requireScope(broker, principal, action, about);
  if (actions[action].audited) await broker.vault.audit({ ...who(principal), action, ...about, outcome: 'allowed' });
}

/** The first half of `authorize`, for an act that has another condition to meet before it is allowed. */
export async function requireScope(
  broker: Broker,
  principal: Principal,
  action: Action,
  about: About = {},
): Promise<void> {
  await requireWithin(broker, principal, action, about);
  const { scope } = actions[action];
  if (principal.scopes.has(scope)) return;
  throw await auditedRefusal(broker, principal, action, about, missingScope(scope));
}

/** What a principal without this scope is told, at every door. */
export function missingScope(scope: Scope): KeywardError {
  return new KeywardError('insufficient_scope', `This needs the scope ${scope}.`, {
    hint: 'Ask for a bearer token that has it.',
  });
}

/** Refuses what only the user may do to a caller that acts for that user, whatever there is. */
export async function requireOwnAct(
  broker: Broker,
  principal: Principal,
  action: Action,
  about: About = {},
): Promise<void> {
  if (principal.actor === undefined || actions[action].forOthers) return;
  const error = new KeywardError('forbidden', 'Nobody may do this for somebody else.', {
    hint: 'It takes the token of the user who is meant. Leave x-alloy-userid out to do it for yourself.',
  });
  throw await auditedRefusal(broker, principal, action, about, error);
}

/**
 * Refuses what a caller never may, whatever it is about: what only the user may do to a caller that acts for that user,
 * and to a token with limits what they rule out. So the refusal says nothing of what there is.
 *
 * @throws KeywardError `forbidden`
 */
export async function requireWithin(
  broker: Broker,
  principal: Principal,
  action: Action,
  about: About = {},
): Promise<void> {
  await requireOwnAct(broker, principal, action, about);
  const error = beyondLimits(principal, action);
  if (error !== null) throw await auditedRefusal(broker, principal, action, about, error);
}

/** Why a token with these limits may not do this to anything; null where it may. */
export function beyondLimits({ limits }: Principal, action: Action): KeywardError | null {
  const { reading, limited } = actions[action];
  if (limits?.readOnly && !reading) {
    return new KeywardError('forbidden', 'This token is for reading only, and this is more than that.', {
      hint: 'It takes a token that may change things. Ask the person who made this one.',
    });
  }
  if (isLimited(limits) && !limited) {
    return new KeywardError(
      'forbidden',
      'This token is for some connections only, and this is about more than those.',
      {
        hint: 'It takes a token for all connections. Ask the person who made this one.',
      },
    );
  }
  return null;
}

/** Notes a refusal that a rule outside this file decided, and answers the error to throw. */
export async function auditedRefusal(
  broker: Broker,
  principal: Principal,
  action: Action,
  about: About,
  error: KeywardError,
): Promise<KeywardError> {
  await noteRefusal(broker, principal, action, about, error.code);
  return error;
}

/**
 * The principal that an operation works for: the caller, or the person named by `userId` (`userNamedBy`) when the
 * caller may act for others.
 *
 * @param field what the caller knows it as
 */
export async function actingFor(
  broker: Broker,
  principal: Principal,
  userId: string | undefined,
  field = 'userId',
): Promise<Principal> {
  const user = userId === undefined ? principal.user : userNamedBy(principal, userId);
  if (user === principal.user) return principal;
  // As of a user who has a token: any other name would be somebody who never comes, and can't be told from who is meant.
  if (oneLine(userId, maxUser) !== userId) {
    const rule = `must be one line of 1 to ${maxUser} characters, without spaces around it`;
    throw new KeywardError('invalid_input', `${field} ${rule}.`, { details: { fields: { [field]: rule } } });
  }
  // One request is for one user: of two that it names, neither is surely meant.
  if (actsForOthers(principal) && principal.actor === undefined) return { ...principal, user, actor: principal.user };
  throw await auditedRefusal(
    broker,
    principal,
    'credential.read',
    {},
    new KeywardError('forbidden', `${field} names somebody else than the caller.`, {
      hint: `Leave ${field} out: credentials are always the caller’s own.`,
    }),
  );
}

/** True for a backend: the people whom it connects are not here, and know nothing of Keyward. */
export function actsForOthers({ scopes }: Principal): boolean {
  return scopes.has('credentials:act-as');
}

/** The audit fields of a principal: `user` is who acts, `onBehalfOf` for whom. */
export function who(principal: Principal): Pick<AuditEvent, 'tenant' | 'user' | 'onBehalfOf' | 'client'> {
  const { tenant, user, actor, client } = principal;
  return {
    tenant,
    ...(actor === undefined ? { user } : { user: actor, onBehalfOf: user }),
    ...(client === undefined ? {} : { client }),
  };
}

async function noteRefusal(broker: Broker, principal: Principal, action: Action, about: About, code: string) {
  await broker.refusals.note({ ...who(principal), action, ...about, outcome: 'refused', code });
}
