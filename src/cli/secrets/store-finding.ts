/** A secret that was found becomes a connection, once its service has taken it. */
import type { Broker } from '../../broker/broker.ts';
import { createCredential } from '../../broker/connect/create.ts';
import { getConnection } from '../../broker/credentials/manage.ts';
import { connectedWith } from '../../broker/credentials/same-secret.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import { withApproval } from '../terminal/approval.ts';
import type { Finding } from './findings.ts';
import type { Place } from './places.ts';

/** What became of a finding: a connection, or the reason why there is none. */
export type Stored =
  | { readonly kind: 'stored'; readonly connectionId: string; readonly name: string; readonly before: boolean }
  | { readonly kind: 'kept'; readonly reason: KeywardError };

/**
 * Stores a finding for this principal, or finds the connection that has its secret already.
 *
 * @param seen a person chose it at the terminal; else the rules for what a program sends hold
 */
export async function storeFinding(
  broker: Broker,
  principal: Principal,
  { connector, auth, inputs, secrets, missing, elsewhere }: Finding<Place>,
  seen: boolean,
): Promise<Stored> {
  if (elsewhere !== null) {
    const text = `${elsewhere} says that it is for another address than those of ${connector.name}, so it was not sent there.`;
    const reason = new KeywardError('egress_refused', text, {
      hint: 'Connect that server by its address, with keyward connect generic-http.',
    });
    return { kind: 'kept', reason };
  }
  if (missing.length > 0) {
    const reason = new KeywardError('invalid_input', `${connector.name} needs ${missing.join(', ')} besides.`, {
      hint: 'Run keyward import in a terminal without --yes, which asks for that.',
    });
    return { kind: 'kept', reason };
  }
  const { authenticationType } = auth;
  const connectorId = connector.id;
  const held = await connectedWith(broker, principal, { connectorId, authenticationType, secrets });
  if (held !== null) return { kind: 'stored', connectionId: held.id, name: held.name, before: true };
  const input = { ...inputs, ...secrets, connectorId, authenticationType };
  const options = { obtainedBy: seen ? 'page' : 'tool', onlyTaken: true } as const;
  try {
    const created = await withApproval(broker, principal, () => createCredential(broker, principal, input, options));
    if (created.kind !== 'created') throw new KeywardError('invalid_input', `${connector.name} needs more than this.`);
    const { credentialId: connectionId } = created;
    const { name } = await getConnection(broker, principal, { connectionId });
    return { kind: 'stored', connectionId, name, before: false };
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    return { kind: 'kept', reason: error };
  }
}
