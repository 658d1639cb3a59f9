/** `keyward token` and `keyward headers`: one fresh secret for a program that asks with a command. */
import { getConnectionCredentials, getConnectionHeaders } from '../../broker/credentials/release.ts';
import { fieldMeant } from '../../broker/credentials/release-fields.ts';
import { KeywardError } from '../../errors.ts';
import { forParent } from '../child/parent.ts';
import type { Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { withApproval } from '../terminal/approval.ts';
import { printJson } from '../terminal/table.ts';
import { withConnections } from '../with-store.ts';

export const token: Run = (invocation) =>
  withConnections(invocation, forParent('keyward token'), async (broker, principal) => {
    const connection = await findConnection(broker, principal, invocation.words[0] ?? '');
    const field = fieldMeant(broker, connection, invocation.flags.get('field') ?? null);
    const asked = { connectionId: connection.credentialId };
    const work = () => getConnectionCredentials(broker, principal, asked);
    const value = (await withApproval(broker, principal, work)).credentials[field];
    if (typeof value !== 'string') {
      throw new KeywardError('not_found', `The field ${field} of ${connection.name} is empty.`, {
        hint: 'Name another one with --field.',
      });
    }
    process.stdout.write(`${value}\n`);
    return 0;
  });

/** As Claude Code's `headersHelper` takes it: one JSON object, name → value. */
export const headers: Run = (invocation) =>
  withConnections(invocation, forParent('keyward headers'), async (broker, principal) => {
    const { credentialId: connectionId } = await findConnection(broker, principal, invocation.words[0] ?? '');
    printJson(await withApproval(broker, principal, () => getConnectionHeaders(broker, principal, { connectionId })));
    return 0;
  });
