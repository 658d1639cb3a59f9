/** `keyward tools`: what an MCP server has, what may be used of it, and what changed since its owner saw it. */
import { acceptTools, listTools, type ToolView } from '../../broker/credentials/tools.ts';
import { differenceOf } from '../../broker/mcp-servers/difference.ts';
import { visibleName } from '../../text.ts';
import type { Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { withApproval } from '../terminal/approval.ts';
import { count, plain, printJson, table } from '../terminal/table.ts';
import { withConnections } from '../with-store.ts';

export const tools: Run = (invocation) =>
  withConnections(invocation, 'keyward tools', async (broker, principal) => {
    const { flags, words } = invocation;
    const { credentialId: connectionId } = await findConnection(broker, principal, words[0] ?? '');
    const view = await listTools(broker, principal, { connectionId });
    if (!flags.has('accept')) {
      if (flags.has('json')) printJson(view);
      else process.stdout.write(inWords(view.items));
      if (view.detail !== undefined) process.stderr.write(`${plain(view.detail)}\n`);
      return 0;
    }
    const names = words.slice(1);
    const input = { connectionId, ...(names.length > 0 && { names }) };
    const done = await withApproval(broker, principal, () => acceptTools(broker, principal, input));
    if (flags.has('json')) printJson(done);
    else {
      const names = done.accepted.map(visibleName).join(', ');
      process.stdout.write(`${plain(names === '' ? 'Nothing waited.' : `Accepted: ${names}.`)}\n`);
    }
    return 0;
  });

function inWords(items: readonly ToolView[]): string {
  if (items.length === 0) return 'Nothing was listed yet.\n';
  const rows = items.map((one) => [visibleName(one.name), one.kind, stateOf(one), one.description ?? '']);
  const waiting = items.filter(({ difference }) => difference !== undefined);
  const parts = [table([['name', 'kind', 'state', 'description'], ...rows]), ...waiting.map(differenceText)];
  if (waiting.length > 0) parts.push(`${count(waiting.length, 'definition')} to look at. Add --accept once you did.\n`);
  return parts.join('\n');
}

const verdicts = { allow: 'allowed', ask: 'ask first', refuse: 'refused' } as const;

/** `allowed`, `ask first`, `refused`; of one that its owner has not seen as it is, also that. */
function stateOf({ standing, verdict }: ToolView): string {
  return standing === 'seen' ? verdicts[verdict] : `${standing}, ${verdicts[verdict]}`;
}

function differenceText({ kind, name, difference }: ToolView): string {
  const lines = difference === undefined ? [] : differenceOf(difference.before, difference.after);
  return `${kind} ${visibleName(name)}\n${lines.map(({ sign, text }) => `${sign} ${plain(text)}\n`).join('')}`;
}
