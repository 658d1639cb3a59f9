/** `keyward token …`: the session tokens of HTTP mode. */
import { createSession, listSessions, revokeSession } from '../../broker/sign-in/sessions.ts';
import { KeywardError } from '../../errors.ts';
import { localPrincipal, usualScopes } from '../../principal.ts';
import type { Run } from '../command.ts';
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
    const { token } = await createSession(broker, principal, {
      tenant: flags.get('tenant') ?? 'default',
      user,
      scopes: scopes.filter((scope) => scope !== ''),
      expiresAt,
    });
    process.stdout.write(`${token}\n`);
    process.stderr.write('Keep it now: it is not shown again. Keyward stores only a hash of it.\n');
  });

export const list: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const rows = (await listSessions(broker)).map(({ id, tenant, owner, expiresAt, scopes }) => [
      id,
      tenant,
      owner,
      expiryText(expiresAt),
      scopes.join(' '),
    ]);
    process.stdout.write(
      rows.length === 0
        ? 'There is no session token yet.\n'
        : table([['id', 'tenant', 'user', 'expires', 'scopes'], ...rows]),
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
