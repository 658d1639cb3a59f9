/** Whether somebody has a secret connected already. */
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { allOf } from '../input/paging.ts';

/** A connection that is meant, by what it would hold. */
type Meant = {
  readonly connectorId: string;
  readonly authenticationType: string;
  readonly secrets: Readonly<Record<string, string>>;
};

/**
 * The working connection of this principal's that holds these very secrets, if there is one. Nothing is handed out: they
 * are compared by a keyed digest, and whoever asks has them.
 */
export async function connectedWith(
  broker: Broker,
  principal: Principal,
  { connectorId, authenticationType, secrets }: Meant,
): Promise<Credential | null> {
  const wanted = digestOf(broker, secrets);
  const all = await allOf((page) => broker.vault.list('credential', principal, { connectorId }, page));
  for (const record of all) {
    if (record.authenticationType !== authenticationType || record.status !== 'active') continue;
    const secret = await broker.vault.open('credential', record);
    // What the service has not confirmed may be another service's.
    if (secret.kind === 'inputs' && record.statusReason === null && digestOf(broker, secret.inputs) === wanted)
      return record;
  }
  return null;
}

function digestOf(broker: Broker, secrets: Readonly<Record<string, string>>): string {
  return broker.vault.proof('same-secret', JSON.stringify(Object.entries(secrets).sort()));
}
