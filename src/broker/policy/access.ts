/** Who reaches which connection. A stranger's id and a missing one get the same error; a share that is too small does not. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Owner, Principal } from '../../principal.ts';
import { type Credential, reaches } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { readId } from '../input/text.ts';
import { type Action, refused } from './policy.ts';

/** What a principal may do with a connection. */
export type Access = 'owner' | 'use' | 'view';

/** The caller's connection, or one that is shared with it. */
export async function requireVisible(
  broker: Broker,
  principal: Principal,
  id: string,
  field: string,
): Promise<Credential> {
  const credential = await broker.vault.findVisible(principal, readId(id, field));
  if (credential && accessOf(principal, credential) !== null) return credential;
  throw new KeywardError('not_found', `There is no connection ${id}.`, {
    hint: 'Call list_credentials to see what there is.',
  });
}

/** The same for an act that needs more than seeing it: whoever only sees it gets `forbidden`. Both refusals are audited. */
export async function requireCredential(
  broker: Broker,
  principal: Principal,
  id: string,
  options: { readonly field: string; readonly action: Action; readonly access?: 'use' },
): Promise<Credential> {
  const credential = await requireVisible(broker, principal, id, options.field).catch(async (error: unknown) => {
    throw hasCode(error, 'not_found')
      ? await refused(broker, principal, options.action, { subject: id }, error)
      : error;
  });
  const access = accessOf(principal, credential);
  if (access === 'owner' || (access === 'use' && options.access === 'use')) return credential;
  const error = new KeywardError('forbidden', 'This connection is somebody else’s, shared without that right.', {
    hint: 'Ask its owner. What you may do is the access that list_credentials answers.',
  });
  throw await refused(broker, principal, options.action, about(credential), error);
}

/** What this principal may do with the connection; null for a stranger. The widest of several shares counts. */
export function accessOf(principal: Owner, credential: Credential): Access | null {
  if (credential.tenant === principal.tenant && credential.owner === principal.user) return 'owner';
  const shares = (credential.shares ?? []).filter((share) => reaches(share, credential.tenant, principal));
  if (shares.some(({ permission }) => permission === 'use')) return 'use';
  return shares.length > 0 ? 'view' : null;
}

/** What an audit event is about. */
export function about(credential: Credential): { subject: string; connectorId: string } {
  return { subject: credential.id, connectorId: credential.connectorId };
}
