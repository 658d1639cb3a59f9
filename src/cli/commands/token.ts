/** `keyward token …`: the session tokens of HTTP mode, and the assistants that people let in. */
import { allAssistants, endAssistantOf } from '../../broker/authorization/assistants.ts';
import type { Broker } from '../../broker/broker.ts';
import { limitsFrom, storedFrom } from '../../broker/policy/limits.ts';
import { reachInWords } from '../../broker/policy/reach.ts';
import { createSession, listSessions, revokeSession, type Session } from '../../broker/sign-in/sessions.ts';
import { KeywardError } from '../../errors.ts';
import { type Limits, localPrincipal, type Principal, usualScopes } from '../../principal.ts';
import type { Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { plain, table } from '../terminal/table.ts';
import { withBroker } from '../with-store.ts';

/** Who acts, for the audit log. */
const principal = { ...localPrincipal, client: 'keyward command line' };

const hours = { h: 1, d: 24 } as const;
const usualLife = '90d';

export const create: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const { flags } = invocation;
    const user = flags.get('user');
    if (user === undefined) {
      throw new KeywardError('invalid_input', 'The user is missing.', {
        hint: 'Add --user with the name of whoever the token is for: what it stores belongs to that user.',
      });
    }
    const expiresAt = expiry(flags.get('expires') ?? usualLife);
    const scopes = flags.get('scopes')?.split(/[\s,]+/) ?? usualScopes;
    const owner = { ...principal, tenant: flags.get('tenant') ?? 'default', user };
    const limits = await limitsTyped(broker, owner, flags);
    const { token } = await createSession(broker, principal, {
      tenant: owner.tenant,
      user,
      scopes: scopes.filter((scope) => scope !== ''),
      expiresAt,
      name: flags.get('name'),
      limits,
    });
    process.stdout.write(`${token}\n`);
    const words = limits === undefined ? '' : `It is for ${await reachInWords(broker, owner, storedFrom(limits))}. `;
    process.stderr.write(`${words}Keep it now: it is not shown again. Keyward stores only a hash of it.\n`);
  });

/** The limits that the flags name; undefined for none. */
async function limitsTyped(
  broker: Broker,
  owner: Principal,
  flags: ReadonlyMap<string, string>,
): Promise<Limits | undefined> {
  const [words, services] = [listOf(flags, 'connections'), listOf(flags, 'services')];
  const ids: string[] = [];
  for (const word of words ?? []) ids.push((await findConnection(broker, owner, word)).credentialId);
  return limitsFrom({
    ...(words && { connections: ids }),
    ...(services && { connectors: services.map((id) => broker.catalogue.require(id).id) }),
    readOnly: flags.has('read-only'),
  });
}

/** What stands between commas; a flag without a word would mean nothing at all. */
function listOf(flags: ReadonlyMap<string, string>, name: string): string[] | undefined {
  const words = flags
    .get(name)
    ?.split(',')
    .map((word) => word.trim());
  if (words?.includes('')) throw new KeywardError('invalid_input', `--${name} has a word missing between commas.`);
  return words;
}

export const list: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const rows: string[][] = [];
    const row = async (kind: string, { name = '-', endsAt, ...token }: Listed) => {
      const { id, tenant, owner, scopes, limits, lastUsedAt } = token;
      const words = await reachInWords(broker, { tenant, user: owner }, limits);
      const times = [expiryText(endsAt), lastUsedAt === undefined ? 'never' : new Date(lastUsedAt).toISOString()];
      rows.push([id, kind, plain(name), tenant, owner, ...times, scopes.join(' '), words]);
    };
    const assistants = await allAssistants(broker);
    const there = new Set(assistants.map(({ id }) => id));
    // Oldest first: each comes after the one that it was made from, unless that has ended.
    for (const session of await listSessions(broker)) {
      const { id, parent, expiresAt } = session;
      if (parent !== undefined && !there.has(parent.id)) continue;
      there.add(id);
      await row(parent === undefined ? 'token' : `made from ${parent.id}`, { ...session, endsAt: expiresAt });
    }
    for (const assistant of assistants) await row('assistant', assistant);
    const titles = ['id', 'kind', 'name', 'tenant', 'user', 'expires', 'last used', 'scopes', 'for'];
    process.stdout.write(
      rows.length === 0 ? 'There is no session token and no assistant yet.\n' : table([titles, ...rows]),
    );
  });

/** A session token or an assistant. */
type Listed = Pick<Session, 'id' | 'tenant' | 'owner' | 'name' | 'scopes' | 'limits' | 'lastUsedAt'> & {
  readonly endsAt: number | null;
};

export const revoke: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const id = invocation.words[0] ?? '';
    if (!(await endAssistantOf(broker, principal, id))) await revokeSession(broker, principal, id);
    process.stdout.write('Revoked.\n');
  });

/** `12h`, `90d` or `never`, from now on. */
function expiry(text: string): number | null {
  if (text === 'never') return null;
  const [, count, unit] = /^([1-9]\d{0,4})([hd])$/.exec(text) ?? [];
  if (unit === 'h' || unit === 'd') return Date.now() + Number(count) * hours[unit] * 3_600_000;
  throw new KeywardError('invalid_input', 'expires must be hours or days, such as 12h or 90d, or never.');
}

function expiryText(expiresAt: number | null): string {
  if (expiresAt === null) return 'never';
  return `${expiresAt > Date.now() ? '' : 'expired '}${new Date(expiresAt).toISOString()}`;
}
