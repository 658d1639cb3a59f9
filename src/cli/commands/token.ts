/** `keyward token …`: the session tokens of HTTP mode. */
import type { Broker } from '../../broker/broker.ts';
import { readerOf } from '../../broker/policy/access.ts';
import { limitsFrom, limitsInWords, storedFrom } from '../../broker/policy/limits.ts';
import { createSession, listSessions, revokeSession } from '../../broker/sign-in/sessions.ts';
import { hasCode, KeywardError } from '../../errors.ts';
import { type Limits, localPrincipal, type Owner, type Principal, usualScopes } from '../../principal.ts';
import type { Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { table } from '../terminal/table.ts';
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
    const words = limits === undefined ? '' : `It is for ${await inWords(broker, owner, storedFrom(limits))}. `;
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

/** Stored limits in words, with the names that the connections have now. */
async function inWords(broker: Broker, owner: Owner, stored: unknown): Promise<string> {
  let limits: Limits | undefined;
  try {
    limits = limitsFrom(stored);
  } catch (error) {
    if (hasCode(error, 'unauthenticated')) return 'nothing: this version can not read its limits';
    throw error;
  }
  const names = new Map<string, string>();
  for (const id of limits?.connections ?? []) {
    const credential = await broker.vault.findVisible(readerOf(broker, owner), id);
    if (credential !== undefined) names.set(id, credential.name);
  }
  return limitsInWords(limits, (id) => names.get(id) ?? null);
}

export const list: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const rows: string[][] = [];
    for (const { id, tenant, owner, name = '-', expiresAt, scopes, limits } of await listSessions(broker)) {
      const words = await inWords(broker, { tenant, user: owner }, limits);
      rows.push([id, name, tenant, owner, expiryText(expiresAt), scopes.join(' '), words]);
    }
    process.stdout.write(
      rows.length === 0
        ? 'There is no session token yet.\n'
        : table([['id', 'name', 'tenant', 'user', 'expires', 'scopes', 'for'], ...rows]),
    );
  });

export const revoke: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    await revokeSession(broker, principal, invocation.words[0] ?? '');
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
