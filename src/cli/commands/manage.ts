/** `keyward rename`, `limit`, `share` and `rm`: changing what is connected. */
import { inWords } from '../../broker/calls/policy.ts';
import type { PolicyInput } from '../../broker/calls/policy-input.ts';
import { deleteCredential, deletionInWords } from '../../broker/credentials/delete.ts';
import { getConnection, updateCredential } from '../../broker/credentials/manage.ts';
import { shareConnection } from '../../broker/credentials/share.ts';
import { KeywardError } from '../../errors.ts';
import type { Invocation, Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { withApproval } from '../terminal/approval.ts';
import { plain, printJson } from '../terminal/table.ts';
import { confirmAct } from '../terminal/terminal.ts';
import { withConnections } from '../with-store.ts';

export const rename: Run = (invocation) =>
  withConnections(invocation, 'keyward rename', async (broker, principal) => {
    const [typed = '', name = ''] = invocation.words;
    const { credentialId } = await findConnection(broker, principal, typed);
    const changed = await updateCredential(broker, principal, { credentialId, name });
    return done(invocation, changed, `It is called ${changed.name} now.`);
  });

/** Without a flag it only shows the limits. */
export const limit: Run = (invocation) =>
  withConnections(invocation, 'keyward limit', async (broker, principal) => {
    const { flags, words } = invocation;
    const { credentialId } = await findConnection(broker, principal, words[0] ?? '');
    const policy = policyOf(invocation);
    if (flags.has('everything') && policy !== undefined) {
      throw new KeywardError('invalid_input', '--everything lifts the limits, and every other flag sets them.', {
        hint: 'Give the one or the other.',
      });
    }
    if (policy === undefined && !flags.has('everything')) {
      const { policy: now } = await getConnection(broker, principal, { connectionId: credentialId });
      return done(invocation, { credentialId, policy: now ?? null }, now ? inWords(now) : 'Every call is allowed.');
    }
    const change = { credentialId, policy: policy ?? null };
    const changed = await withApproval(broker, principal, () => updateCredential(broker, principal, change));
    return done(invocation, changed, changed.policy ? inWords(changed.policy) : 'Every call is allowed.');
  });

export const share: Run = (invocation) =>
  withConnections(invocation, 'keyward share', async (broker, principal) => {
    const { flags, words } = invocation;
    const [typed = '', grantee = ''] = words;
    const { credentialId } = await findConnection(broker, principal, typed);
    const policy = policyOf(invocation);
    const input = {
      connectionId: credentialId,
      with: grantee.includes(':') ? grantee : `user:${grantee}`,
      permission: permissionOf(flags.get('permission') ?? 'use'),
      ...(policy !== undefined && { policy }),
    };
    const shared = await withApproval(broker, principal, () => shareConnection(broker, principal, input));
    const others = shared.shares.map(({ with: one, permission }) => `${one} (${permission})`);
    const text = others.length === 0 ? 'It is shared with nobody.' : `It is shared with ${others.join(', ')}.`;
    return done(invocation, shared, [text, shared.hint].filter(Boolean).join(' '));
  });

export const remove: Run = (invocation) =>
  withConnections(invocation, 'keyward rm', async (broker, principal) => {
    const { credentialId, name, connectorId, account } = await findConnection(
      broker,
      principal,
      invocation.words[0] ?? '',
    );
    const what = [name, connectorId, account].filter(Boolean).join(', ');
    if (!invocation.flags.has('yes')) await confirmAct(`Delete ${what}, and end its access at the service?`);
    const deletion = await withApproval(broker, principal, () => deleteCredential(broker, principal, { credentialId }));
    return done(invocation, deletion, deletionInWords(deletion));
  });

/** The calls that the flags allow; undefined where they say nothing. */
function policyOf({ flags, lists }: Invocation): PolicyInput | undefined {
  const preset = flags.get('preset');
  const methods = flags.has('methods') ? namesIn([flags.get('methods') ?? '']) : null;
  const paths = lists.get('paths') ?? null;
  const [allow, ask, refuse] = ['tools', 'ask', 'refuse'].map((flag) => lists.get(flag));
  const unseen = flags.get('unseen');
  const tools = {
    ...(allow && { allow: namesIn(allow) }),
    ...(ask && { ask: namesIn(ask) }),
    ...(refuse && { refuse: namesIn(refuse) }),
    ...(unseen !== undefined && { unseen }),
  };
  const asked = lists.get('ask-calls')?.map(askedIn);
  const limitsTools = Object.keys(tools).length > 0;
  if (![preset, methods, paths, asked].some(Boolean) && !limitsTools) return undefined;
  return { preset, methods, paths, ...(asked && { ask: asked }), ...(limitsTools && { tools }) };
}

/** `POST,DELETE /repos/**`: methods, paths, or both. */
function askedIn(text: string): { methods?: string[]; paths?: string[] } {
  const words = namesIn([text]);
  const paths = words.filter((word) => word.startsWith('/'));
  const methods = words.filter((word) => !word.startsWith('/'));
  return { ...(methods.length > 0 && { methods }), ...(paths.length > 0 && { paths }) };
}

/** What stands between commas. */
function namesIn(given: readonly string[]): string[] {
  return given.flatMap((text) => text.split(/[\s,]+/)).filter((name) => name !== '');
}

function permissionOf(text: string): 'view' | 'use' | 'none' {
  if (text === 'view' || text === 'use' || text === 'none') return text;
  throw new KeywardError('invalid_input', '--permission must be view, use or none.', {
    hint: 'view shows the connection, use lets its service be called, none takes the share back.',
  });
}

function done({ flags }: Invocation, value: unknown, text: string): number {
  if (flags.has('json')) printJson(value);
  else process.stdout.write(`${plain(text)}\n`);
  return 0;
}
