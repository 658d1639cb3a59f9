/** `keyward verify`: whether the service still takes a credential, of one connection or of all. */
import type { Broker } from '../../broker/broker.ts';
import { verifyCredential } from '../../broker/credentials/verify.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import { KeywardError, toPublic } from '../../errors.ts';
import { inParallel } from '../../in-parallel.ts';
import type { Principal } from '../../principal.ts';
import type { Run } from '../command.ts';
import { allConnections, findConnection } from '../connection-name.ts';
import { whoseRecords } from '../person.ts';
import { withProgress } from '../terminal/progress.ts';
import { count, printJson, table } from '../terminal/table.ts';
import { withConnections } from '../with-store.ts';

/** Services that are asked at a time. */
const atOnce = 4;

export const verify: Run = (invocation) =>
  withConnections(invocation, 'keyward verify', async (broker, principal) => {
    const { flags, words } = invocation;
    const [typed] = words;
    if ((typed === undefined) === !flags.has('all')) {
      throw new KeywardError('invalid_input', 'Name one connection, or give --all.', {
        hint: 'keyward list shows what there is.',
      });
    }
    const chosen =
      typed === undefined
        ? (await allConnections(broker, principal)).filter(({ access }) => access !== 'view')
        : [await findConnection(broker, principal, typed)];
    const found = await verifyEach(broker, principal, chosen);
    if (flags.has('json')) printJson({ credentials: found });
    else if (found.length > 0) {
      const rows = found.map((one) => [one.name, one.status, one.account ?? '', one.detail ?? '']);
      process.stdout.write(table([['name', 'state', 'account', ''], ...rows]));
    }
    if (flags.has('all')) process.stderr.write(`${count(found.length, 'connection')} ${whoseRecords(principal)}.\n`);
    return found.every(({ status }) => status === 'active') ? 0 : 1;
  });

type Verified = {
  readonly credentialId: string;
  readonly name: string;
  readonly status: 'active' | 'reconnect_required' | 'failed';
  readonly account?: string;
  readonly detail?: string;
};

/** In the order of the connections. What keeps one from being verified is its result. */
async function verifyEach(
  broker: Broker,
  principal: Principal,
  connections: readonly ConnectionView[],
): Promise<Verified[]> {
  const verified = ({ credentialId, name }: ConnectionView): Promise<Verified> =>
    verifyCredential(broker, principal, { credentialId }).then(
      ({ checkedAt: _, ...result }) => ({ credentialId, name, ...result }),
      (error: unknown) => ({ credentialId, name, status: 'failed', detail: inWords(error) }),
    );
  return withProgress('Verifying', (step) =>
    inParallel(connections, atOnce, verified, (done) => step(done, connections.length)),
  );
}

function inWords(error: unknown): string {
  const { message, hint = '' } = toPublic(error);
  return `${message} ${hint}`.trim();
}
