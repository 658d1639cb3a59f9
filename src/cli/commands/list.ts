/** `keyward list` and `keyward show`: what is connected, for people and, as JSON, for programs. */
import { type CallPolicy, inWords as policyInWords } from '../../broker/calls/policy.ts';
import { getConnection } from '../../broker/credentials/manage.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import type { Run } from '../command.ts';
import { allConnections, findConnection } from '../connection-name.ts';
import { whoseRecords } from '../person.ts';
import { count, printJson, table } from '../terminal/table.ts';
import { withConnections } from '../with-store.ts';

export const list: Run = (invocation) =>
  withConnections(invocation, 'keyward list', async (broker, principal) => {
    const connections = await allConnections(broker, principal, invocation.flags.get('connector'));
    if (invocation.flags.has('json')) {
      printJson({ credentials: connections });
      return 0;
    }
    if (connections.length > 0) {
      const rows = connections.map((one) => [
        one.name,
        one.connectorId,
        one.account ?? '',
        stateOf(one),
        one.credentialId,
      ]);
      process.stdout.write(table([['name', 'connector', 'account', 'state', 'id'], ...rows]));
    }
    process.stderr.write(`${count(connections.length, 'connection')} ${whoseRecords(principal)}.\n`);
    return 0;
  });

export const show: Run = (invocation) =>
  withConnections(invocation, 'keyward show', async (broker, principal) => {
    const { credentialId } = await findConnection(broker, principal, invocation.words[0] ?? '');
    const connection = await getConnection(broker, principal, { connectionId: credentialId });
    if (invocation.flags.has('json')) printJson(connection);
    else process.stdout.write(table(Object.entries(connection).flatMap(([name, value]) => lines(name, value))));
    return 0;
  });

/** Whether it works, and since when or until when, as far as that is known. */
function stateOf({ status, access, tools, lastUsedAt, reconnectBy }: ConnectionView): string {
  if (status === 'reconnect_required') return 'connect again';
  if (access !== 'owner') return `shared with you (${access})`;
  if (tools !== undefined) return 'has tools to look at';
  if (reconnectBy !== null) return `ends ${day(reconnectBy)}`;
  return lastUsedAt === null ? 'not used yet' : `used ${day(lastUsedAt)}`;
}

function day(isoTime: string): string {
  return isoTime.slice(0, 10);
}

/** One row for a value, and one for each entry of a list. */
function lines(name: string, value: unknown): string[][] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) return [[name, inWords(value)]];
  return value.map((one, index) => [index === 0 ? name : '', inWords(one)]);
}

function inWords(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (isPolicy(value)) return policyInWords(value);
  return Object.entries(value)
    .filter(([, part]) => part !== null)
    .map(([name, part]) => `${name}: ${Array.isArray(part) ? part.join(' ') : inWords(part)}`)
    .join('; ');
}

function isPolicy(value: object): value is CallPolicy {
  return 'methods' in value && 'paths' in value;
}
