/** Who reaches which connection. A stranger's id and a missing one get the same error; a share that is too small does not. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Owner, Principal } from '../../principal.ts';
import { type Credential, type Reader, reaches, readerUnder } from '../../vault/vault.ts';
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
  const reader = readerOf(broker, principal);
  const credential = await broker.vault.findVisible(reader, readId(id, field));
  if (credential && accessOf(reader, credential) !== null) return credential;
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
      ? await refused(broker, principal, options.action, { subject: id.toLowerCase() }, error)
      : error;
  });
  const access = accessOf(readerOf(broker, principal), credential);
  if (access === 'owner' || (access === 'use' && options.access === 'use')) return credential;
  const error = new KeywardError('forbidden', 'This connection is somebody else’s, shared without that right.', {
    hint: 'Ask its owner. What you may do is the access that list_credentials answers.',
  });
  throw await refused(broker, principal, options.action, about(credential), error);
}

/** Somebody who reads, under the operator's rule of what crosses from one tenant to another. */
export function readerOf(broker: Pick<Broker, 'settings'>, owner: Owner): Reader {
  return readerUnder(broker.settings.shareTenants, owner);
}

/** What this reader may do with the connection; null for a stranger. The widest of several shares counts. */
export function accessOf(reader: Reader, credential: Credential): Access | null {
  if (credential.tenant === reader.tenant && credential.owner === reader.user) return 'owner';
  const shares = (credential.shares ?? []).filter((share) => reaches(share, credential.tenant, reader));
  if (shares.some(({ permission }) => permission === 'use')) return 'use';
  return shares.length > 0 ? 'view' : null;
}

/** What an audit event is about. */
export function about(credential: Credential): { subject: string; connectorId: string } {
  return { subject: credential.id, connectorId: credential.connectorId };
}
