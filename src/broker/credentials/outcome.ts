/** What whoever connected a service is told at the end. */
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
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
  const { access, account, baseUrl, statusReason } = viewOf(broker, credential, reader);
  if (access !== 'owner') return { credentialId };
  return {
    credentialId,
    ...(account !== undefined && { account }),
    ...(baseUrl !== undefined && { baseUrl }),
    ...(statusReason !== undefined && { detail: statusReason }),
  };
}
