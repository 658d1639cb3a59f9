/** Who reaches which connection. A stranger's id and a missing one get the same error; a share that is too small does not. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Owner, Principal } from '../../principal.ts';
import { type Credential, type Reader, readerUnder, reaches as sharesWith } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { readId } from '../input/text.ts';
import { isLimited, isWithin, limitsInWords } from './limits.ts';
import { type Action, auditedRefusal, requireWithin } from './policy.ts';

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
  if (credential && reaches(principal, reader, credential)) return credential;
  throw new KeywardError('not_found', `There is no connection ${id}.`, {
    hint: 'Call list_credentials to see what there is.',
  });
}

/**
 * A connection for an act that needs more than seeing it. A caller who may only see it gets `forbidden`. Refusals are
 * audited.
 */
export async function requireCredential(
  broker: Broker,
  principal: Principal,
  id: string,
  options: { readonly field: string; readonly action: Action; readonly access?: 'use' },
): Promise<Credential> {
  await requireWithin(broker, principal, options.action);
  const credential = await requireVisible(broker, principal, id, options.field).catch(async (error: unknown) => {
    throw hasCode(error, 'not_found')
      ? await auditedRefusal(broker, principal, options.action, { subject: id.toLowerCase() }, error)
      : error;
  });
  const access = accessOf(readerOf(broker, principal), credential);
  if (access === 'owner' || (access === 'use' && options.access === 'use')) return credential;
  const error = new KeywardError('forbidden', 'This connection is somebody else’s, shared without that right.', {
    hint: 'Ask its owner. What you may do is the access that list_credentials answers.',
  });
  throw await auditedRefusal(broker, principal, options.action, about(credential), error);
}

/**
 * Returns when the caller may make a connection of this connector: one that there would be for it.
 *
 * @throws KeywardError `forbidden`
 */
export async function requireMayCreate(broker: Broker, principal: Principal, connectorId: string): Promise<void> {
  const action = 'credential.create';
  await requireWithin(broker, principal, action);
  if (isWithin(principal.limits, { id: null, connectorId })) return;
  const error = new KeywardError('forbidden', 'This token makes no connections of this service.', {
    hint: `It is for ${limitsInWords(principal.limits)}. Ask the person to connect this service.`,
  });
  throw await auditedRefusal(broker, principal, action, { connectorId }, error);
}

/**
 * Returns when the caller may name a connection. By its name all of a user's programs mean it, and whoever has limits does
 * not know which names the others have.
 *
 * @param name undefined where none is given
 * @throws KeywardError `forbidden`
 */
export async function requireMayName(
  broker: Broker,
  principal: Principal,
  action: Action,
  name: string | undefined,
): Promise<void> {
  if (name === undefined || !isLimited(principal.limits)) return;
  const error = new KeywardError('forbidden', 'A token for some connections only gives them no names.', {
    hint: 'Leave name out. The person names a connection: keyward rename.',
  });
  throw await auditedRefusal(broker, principal, action, {}, error);
}

/**
 * True for the caller's connection, and for one that is shared with it. A backend that acts for a user reaches what
 * that user owns. Whoever has limits reaches nothing outside of them.
 */
export function reaches({ actor, limits }: Principal, reader: Reader, credential: Credential): boolean {
  if (!isWithin(limits, credential)) return false;
  const access = accessOf(reader, credential);
  return access === 'owner' || (access !== null && actor === undefined);
}

/** The reader that an owner is, under the operator's rule of what crosses from one tenant to another. */
export function readerOf(broker: Pick<Broker, 'settings'>, owner: Owner): Reader {
  return readerUnder(broker.settings.shareTenants, owner);
}

/** What this reader may do with the connection; null for a stranger. The widest of several shares counts. */
export function accessOf(reader: Reader, credential: Credential): Access | null {
  if (credential.tenant === reader.tenant && credential.owner === reader.user) return 'owner';
  const shares = (credential.shares ?? []).filter((share) => sharesWith(share, credential.tenant, reader));
  if (shares.some(({ permission }) => permission === 'use')) return 'use';
  return shares.length > 0 ? 'view' : null;
}

/**
 * True for whoever owns the connection and calls in person. Anybody else who uses it, and be it for its owner, must not
 * be able to find out its secret by using it.
 */
export function isOwn(broker: Pick<Broker, 'settings'>, principal: Principal, credential: Credential): boolean {
  return principal.actor === undefined && accessOf(readerOf(broker, principal), credential) === 'owner';
}

/** What an audit event is about. */
export function about(credential: Credential): { subject: string; connectorId: string } {
  return { subject: credential.id, connectorId: credential.connectorId };
}
