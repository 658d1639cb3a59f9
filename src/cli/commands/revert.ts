/** `keyward revert`: brings back the secret that connecting again replaced, within a day. */
import { revertReconnect } from '../../broker/credentials/replaced.ts';
import { localPrincipal } from '../../principal.ts';
import type { Run } from '../command.ts';
import { withBroker } from '../with-store.ts';

/** Who acts, for the audit log. */
const principal = { ...localPrincipal, client: 'keyward command line' };

export const revert: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const [credentialId = ''] = invocation.words;
    await revertReconnect(broker, principal, { credentialId });
    process.stdout.write('Done: the connection has again what it had before.\n');
  });
