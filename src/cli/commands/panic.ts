/** `keyward panic`: ends everything of one owner, after one question, and prints a receipt. */
import type { EndedConnection } from '../../broker/credentials/end-connections.ts';
import { endEverything, type Receipt } from '../../broker/ending/end-everything.ts';
import type { Run } from '../command.ts';
import { ofOwner } from '../person.ts';
import { withProgress } from '../terminal/progress.ts';
import { count, plain, printJson, table } from '../terminal/table.ts';
import { confirmAct } from '../terminal/terminal.ts';
import { withConnections } from '../with-store.ts';

/** It takes a person at a terminal, or `--yes`: a program that can only answer stdin starts nothing. */
export const panic: Run = (invocation) =>
  withConnections(invocation, 'keyward panic', async (broker, principal) => {
    const { flags } = invocation;
    const forget = flags.has('delete');
    const what = `every connection, share, session token, assistant, passkey, connect flow and approval ${ofOwner(principal)}`;
    if (!flags.has('yes'))
      await confirmAct(`Revoke and end ${what}, at the services too${forget ? ', and delete the records' : ''}?`);
    const receipt = await withProgress('Revoking', (onStep) => endEverything(broker, principal, { forget, onStep }));
    const failed = receipt.connections.filter(({ revocation }) => revocation === 'failed');
    const complete = failed.length === 0 && receipt.problems.length === 0;
    if (flags.has('json')) printJson({ complete, ...receipt });
    else print(receipt);
    if (failed.length > 0) {
      const again =
        'Nobody can use those connections through Keyward. Run keyward panic again to revoke them at their services, too';
      process.stderr.write(`${count(failed.length, 'service')} could not be reached. ${again}.\n`);
    }
    for (const problem of receipt.problems) process.stderr.write(`NOT ENDED: ${plain(problem)}\n`);
    return complete ? 0 : 1;
  });

const outcomes = {
  revoked: 'revoked at the service',
  not_supported: 'ended here; the service has no way to revoke it',
  failed: 'NOT REVOKED: the service could not be reached',
} as const;

function print({ connections, shares, sessions, assistants, browsers, passkeys, attempts, approvals }: Receipt): void {
  const rows = connections.map((one) => [one.name, one.connectorId, outcomeOf(one), one.detail ?? '']);
  if (rows.length > 0) process.stdout.write(table([['name', 'connector', 'outcome', 'what is left to do'], ...rows]));
  const ended = [
    count(connections.length, 'connection'),
    count(shares, 'share'),
    count(sessions, 'session token'),
    count(assistants, 'assistant'),
    count(browsers, 'signed-in browser'),
    count(passkeys, 'passkey'),
    count(attempts, 'connect flow'),
    count(approvals, 'approval'),
  ];
  process.stdout.write(`Ended: ${ended.join(', ')}.\n`);
}

function outcomeOf({ revocation, deleted }: EndedConnection): string {
  return `${outcomes[revocation]}${deleted ? '; deleted here' : ''}`;
}
