/**
 * Token exchange (RFC 8693): a program makes a narrower token of its own, for a part of its work. The new one is a session
 * token that never reaches more than the one before it, and ends with it.
 */
import { hasCode, KeywardError } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import { type Limits, type Owner, type Principal, type Scope, usualScopes } from '../../principal.ts';
import type { Session } from '../../vault/vault.ts';
import { findAssistant } from '../authorization/assistants.ts';
import { isAccessToken, type Proved, readAssistantToken } from '../authorization/tokens.ts';
import type { Broker } from '../broker.ts';
import { allOf } from '../input/paging.ts';
import { isId, maxName, oneLine } from '../input/text.ts';
import { reaches, readerOf } from '../policy/access.ts';
import { who } from '../policy/policy.ts';
import { createSession, isSessionToken, maxChosen, maxDepth, readSessionToken } from './sessions.ts';

/** A token that was made from another one lasts at most this long. */
const lifetimeMs = 3_600_000;
/** A token that ends sooner than that has no time left for another one: each would be gone before it is of use. */
const minLeftMs = 60_000;
/** So many of them one user may have at once. */
const maxAtOnce = 50;
/** Others of the same user who make one at this moment are waited for. */
const waitMs = 5_000;

/** What is asked for. */
type Asked = {
  /** The token to make a narrower one of. */
  readonly subject: string;
  /** Null: the usual ones, as far as the token has them. */
  readonly scopes: readonly string[] | null;
  readonly limits: Limits;
  /** What it is for, for the audit log and lists; null: the name of who makes it. */
  readonly name: string | null;
};

type Exchanged = {
  readonly token: string;
  readonly scopes: readonly Scope[];
  /** In milliseconds since 1970. */
  readonly endsAt: number;
};

/**
 * Makes a token for a part of what another one may do. The audit log has it before it is there, and every refusal.
 *
 * @param resource what tokens of assistants have to be for
 * @param admit is told whose token it is, before anything is looked up for them; throws where they ask too often
 * @throws KeywardError `unauthenticated` for a token that is not good, `insufficient_scope` for a scope that it does not
 * have, `forbidden` for connections or connectors that it does not reach, `invalid_input` for a name or limits that can't
 * be, a token that ends within a minute, or a row of too many tokens, `limit_reached`
 */
export async function exchangeToken(
  broker: Broker,
  resource: string,
  asked: Asked,
  admit: (owner: Owner) => Promise<void>,
): Promise<Exchanged> {
  const subject = await subjectOf(broker, asked.subject, resource);
  if (subject === null)
    throw new KeywardError('unauthenticated', 'The token to exchange is not good, or not any more.');
  const { principal } = subject;
  await admit(principal);
  try {
    if (subject.endsAt !== null && subject.endsAt - Date.now() < minLeftMs) {
      throw new KeywardError('invalid_input', 'The token to exchange ends within a minute. Use one that lasts longer.');
    }
    const scopes = scopesWithin(principal, asked.scopes);
    await requireReached(broker, principal, asked.limits);
    if (subject.depth >= maxDepth) {
      throw new KeywardError(
        'invalid_input',
        `No more than ${maxDepth} tokens in a row are made each from another one.`,
      );
    }
    return await make(broker, subject, { ...asked, scopes });
  } catch (error) {
    if (error instanceof KeywardError) {
      await broker.refusals.note({ ...who(principal), action: 'session.create', outcome: 'refused', code: error.code });
    }
    throw error;
  }
}

async function make(
  broker: Broker,
  { principal, endsAt, parent }: Proved,
  { scopes, limits, name }: Asked & { readonly scopes: readonly Scope[] },
): Promise<Exchanged> {
  const { tenant, user } = principal;
  const until = Math.min(Date.now() + lifetimeMs, endsAt ?? Number.POSITIVE_INFINITY);
  const input = { tenant, user, scopes, expiresAt: until, limits, parent };
  // One after another, so that nobody takes the room that people need for tokens of their own.
  const lease = { waitMs };
  return broker.vault.withLease(`exchange ${JSON.stringify([tenant, user])}`, lease, async () => {
    await requireRoom(broker, { tenant, user });
    const called = name ?? nameAfter(principal);
    const { token } = await createSession(broker, principal, { ...input, name: called });
    return { token, scopes, endsAt: until };
  });
}

/** Who comes with this token, and how far it reaches; null for one that is not good. */
async function subjectOf(broker: Broker, token: string, resource: string): Promise<Proved | null> {
  if (isSessionToken(token)) return readSessionToken(broker, token, resource);
  return isAccessToken(token) ? readAssistantToken(broker, token, resource) : null;
}

/** What hands out secrets, widens access or is for backends is asked for by name. */
function scopesWithin({ scopes }: Principal, asked: readonly string[] | null): readonly Scope[] {
  const wanted = asked ?? usualScopes.filter((scope) => scopes.has(scope));
  const beyond = wanted.length === 0 || wanted.some((scope) => !scopes.has(scope as Scope));
  if (beyond) throw new KeywardError('insufficient_scope', 'The token does not have all of these scopes.');
  return wanted as readonly Scope[];
}

/** What the token does not reach does not exist for it: one answer for all that is not there. */
async function requireReached(broker: Broker, principal: Principal, { connections, connectors }: Limits) {
  for (const chosen of [connections, connectors]) {
    if (chosen && chosen.size > maxChosen) {
      throw new KeywardError(
        'invalid_input',
        `A token is limited to at most ${maxChosen} connections and connectors each.`,
      );
    }
  }
  const reader = readerOf(broker, principal);
  for (const id of connections ?? []) {
    const found = isId(id) ? await broker.vault.findVisible(reader, id) : undefined;
    if (found === undefined || !reaches(principal, reader, found)) throw outOfReach();
  }
  const within = principal.limits?.connectors;
  for (const id of connectors ?? []) {
    if (broker.catalogue.get(id) === undefined || (within && !within.has(id))) throw outOfReach();
  }
}

/** Sweeps away what ended, by itself or with what it was made from. */
async function requireRoom(broker: Broker, owner: Owner): Promise<void> {
  const all = await allOf((page) => broker.vault.list('session', owner, {}, page));
  const derived = all.filter(({ parent }) => parent !== undefined);
  const standing = new Set(all.map(({ id }) => id));
  const over: Session[] = [];
  // The oldest come first, so that each is looked at after what it was made from.
  for (const session of derived) {
    if (!(await hasEnded(broker, session, standing))) continue;
    standing.delete(session.id);
    over.push(session);
  }
  await forEvery(over, (record) =>
    broker.vault.commit([{ op: 'delete', kind: 'session', record }]).catch((error: unknown) => {
      // Somebody else ended it.
      if (!hasCode(error, 'conflict')) throw error;
    }),
  );
  if (derived.length - over.length < maxAtOnce) return;
  throw new KeywardError(
    'limit_reached',
    `There are ${maxAtOnce} tokens that were made from others, which is as many as one user may have.`,
    { hint: 'Each ends within an hour. Whoever runs Keyward can end some: keyward token revoke.' },
  );
}

/**
 * True for one that ended for certain: its time is over, or what it was made from is gone. One that can't be read here, or
 * is good at another address alone, is for whoever made it.
 */
async function hasEnded(
  broker: Broker,
  { expiresAt, parent }: Session,
  standing: ReadonlySet<string>,
): Promise<boolean> {
  if (expiresAt !== null && expiresAt <= Date.now()) return true;
  if (parent?.kind === 'session') return !standing.has(parent.id);
  return parent?.kind === 'assistant' && (await findAssistant(broker, parent.id)) === null;
}

/** Longer ones are cut: the row says what it was made from. */
function nameAfter({ client = 'a token without a name' }: Principal): string {
  return oneLine(`made by ${client}`, maxName)?.trimEnd() ?? '';
}

function outOfReach(): KeywardError {
  return new KeywardError('forbidden', 'The token does not reach all of these connections and connectors.');
}
