/**
 * What of connecting needs its owner's act first, where acts that widen access do: reaching a host that the call names,
 * and giving an existing connection another account or place. Nothing has left before this returns.
 */
import { isOAuth } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { namedHosts } from '../../connectors/named-hosts.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential, ObtainedBy } from '../../vault/vault.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import type { GivenInputs } from '../input/forms.ts';
import { about } from '../policy/access.ts';
import { auditedRefusal } from '../policy/policy.ts';

type Connecting = {
  readonly connector: Connector;
  readonly auth: AuthMethod;
  readonly given: GivenInputs;
  /** The scopes that this call wants instead of the usual ones; null: it names none. */
  readonly scopes: readonly string[] | null;
  /** The credential that is connected again. */
  readonly previous: Credential | null;
  readonly obtainedBy: ObtainedBy;
  /** The owner typed all of it on a page of their own just now: that names its hosts, as a yes to a request would. */
  readonly typedByOwner: boolean;
};

/** Returns when the owner need not be asked, or said yes. Errors as `requireApproval` says. */
export async function requireConsent(broker: Broker, owner: Principal, connecting: Connecting): Promise<void> {
  await refuseSecrets(broker, owner, connecting);
  const { auth, given, previous } = connecting;
  // Nothing leaves before a person has sent Keyward's own form, which shows them host and connection.
  const asksOnPage = given.missingSecrets.length > 0 && !isOAuth(auth);
  await consentToHosts(broker, owner, connecting, asksOnPage);
  if (previous !== null && !asksOnPage) await consentToReconnect(broker, owner, connecting, previous);
}

/** A secret in a tool's arguments: refused everywhere by `KEYWARD_SECRET_INPUT`, and for a connection that is there already where acts need approval. */
async function refuseSecrets(broker: Broker, owner: Principal, connecting: Connecting): Promise<void> {
  const { connector, given, previous, obtainedBy } = connecting;
  const { secretInput, release } = broker.settings;
  const names = Object.keys(given.secretInputs).join(', ');
  // A program's own call, and what a person typed to Keyward itself.
  if (names === '' || obtainedBy === 'rest' || obtainedBy === 'page') return;
  if (secretInput !== 'page' && (previous === null || release === 'allow')) return;
  const message =
    secretInput === 'page'
      ? `Secrets are not accepted here: ${names}.`
      : `Another secret for an existing connection is taken on Keyward’s page only: ${names}.`;
  const error = new KeywardError('invalid_input', message, {
    hint: 'Call again without them: the person types them on Keyward’s page. Whoever sent one should replace it at the service.',
  });
  const action = previous === null ? 'credential.create' : 'credential.reconnect';
  throw await auditedRefusal(broker, owner, action, previous ? about(previous) : { connectorId: connector.id }, error);
}

async function consentToHosts(
  broker: Broker,
  owner: Principal,
  { connector, auth, given, previous, typedByOwner }: Connecting,
  asksOnPage: boolean,
): Promise<void> {
  const named = namedHosts(connector, auth, given.inputs);
  const known = new Set(previous === null ? [] : namedHosts(connector, auth, previous.inputs).values());
  const hosts = [...new Set(named.values())].filter((host) => !known.has(host)).sort();
  if (hosts.length === 0) return;
  const { id: connectorId } = connector;
  const action = 'credential.create';
  if (broker.settings.anyHost === 'never') {
    const error = new KeywardError(
      'forbidden',
      `This Keyward connects no hosts that a call names: ${hosts.join(', ')}.`,
      {
        hint: 'The person who runs it set KEYWARD_ANY_HOST=never. They can write a connector file for this service.',
      },
    );
    throw await auditedRefusal(broker, owner, action, { connectorId }, error);
  }
  if (asksOnPage || typedByOwner) return;
  const inputs = Object.fromEntries([...named.keys()].map((name) => [name, given.inputs[name] ?? '']));
  const matter = { id: null, connectorId, hosts };
  await requireApproval(broker, owner, { credential: matter, action, act: 'host', details: { inputs } });
}

/**
 * Whoever reconnects decides which account is used from then on. At the service a person sees that, in their own browser;
 * not so by a code that anybody can enter, by a client's own credentials, or where other inputs come with it.
 */
async function consentToReconnect(
  broker: Broker,
  owner: Principal,
  { auth, given, scopes }: Connecting,
  previous: Credential,
): Promise<void> {
  const changed = Object.entries(given.inputs).filter(([name, value]) => previous.inputs[name] !== value);
  const secret = Object.keys(given.secretInputs).length > 0;
  const inBrowser = auth.authenticationType === 'oauth2' && given.flow === 'code';
  if (inBrowser && changed.length === 0 && !secret) return;
  const details = {
    inputs: { ...Object.fromEntries(changed), ...(scopes && { scopes: scopes.join(' ') }) },
    // A yes is for this very secret.
    ...(secret && { secret: broker.vault.proof('approval-secret', JSON.stringify(given.secretInputs)) }),
    ...(given.flow === 'device' && { code: true }),
  };
  await requireApproval(broker, owner, {
    credential: previous,
    action: 'credential.reconnect',
    act: 'reconnect',
    details,
  });
}
