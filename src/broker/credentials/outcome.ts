/** What whoever connected a service is told at the end. */
import { usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import { serviceName } from '../../connectors/named-hosts.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { isVerifiable } from '../calls/verification.ts';
import { reaches, readerOf } from '../policy/access.ts';
import { viewOf } from './view.ts';

export type ConnectOutcome = {
  readonly credentialId: string;
  /** Whose account at the service it is, where the service told. */
  readonly account?: string;
  /** What the paths of its calls are below. */
  readonly baseUrl?: string;
  /** Why the service did not say that it takes the credential. */
  readonly detail?: string;
};

/** The outcome for a caller; for one who connected it for somebody else, that is its id alone. */
export async function outcomeOf(broker: Broker, principal: Principal, credentialId: string): Promise<ConnectOutcome> {
  const reader = readerOf(broker, principal);
  const credential = await broker.vault.findVisible(reader, credentialId);
  if (credential === undefined || !reaches(principal, reader, credential)) return { credentialId };
  const { access, account, baseUrl } = viewOf(broker, credential, reader);
  if (access !== 'owner') return { credentialId };
  const detail = unconfirmed(broker, credential);
  return {
    credentialId,
    ...(account !== undefined && { account }),
    ...(baseUrl !== undefined && { baseUrl }),
    ...(detail !== null && { detail }),
  };
}

/** Why the service did not say that it takes a credential, in words; null where it did. */
export function unconfirmed({ catalogue }: Broker, credential: Credential): string | null {
  const { connectorId, authenticationType, statusReason } = credential;
  if (statusReason !== null) return statusReason;
  const connector = catalogue.get(connectorId);
  const auth = connector?.auth.find((one) => one.authenticationType === authenticationType);
  // A token endpoint gives tokens to a client or a key that it takes.
  if (connector === undefined || auth === undefined || isVerifiable(auth) || usesTokenEndpoint(auth)) return null;
  const service = serviceName(connector, auth, credential.inputs);
  return `Not confirmed: Keyward knows no call to check it with at ${service}. The first use will tell.`;
}
