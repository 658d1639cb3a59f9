/** Listing, reading and changing credentials. */
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential, CredentialStatus } from '../../vault/vault.ts';
import { closeRequests, requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { asksFirst, widensPolicy } from '../calls/policy.ts';
import { type PolicyInput, readPolicy } from '../calls/policy-input.ts';
import { amend, changedMeanwhile } from '../grants/amend.ts';
import { serviceOf } from '../grants/oauth-context.ts';
import { defaultLimit } from '../input/paging.ts';
import { renamed } from '../input/renamed.ts';
import { readName } from '../input/text.ts';
import { about, readerOf, requireCredential, requireMayName, requireVisible } from '../policy/access.ts';
import { actingFor, authorize, requireOwnAct } from '../policy/policy.ts';
import { reached, reachedOwn, reachedPage } from './reached.ts';
import { type ConnectionView, type PoliciesView, policiesOf, type ShareView, sharesOf, viewOf } from './view.ts';

type ListCredentialsInput = {
  connectorId?: string | undefined;
  userId?: string | undefined;
  status?: CredentialStatus | undefined;
  cursor?: string | undefined;
  /** 1 to 100, default 20. */
  limit?: number | undefined;
};

/** The caller's own credentials, then those that are shared with it; each oldest first. */
export async function listCredentials(
  broker: Broker,
  principal: Principal,
  input: ListCredentialsInput,
): Promise<{ credentials: ConnectionView[]; nextCursor?: string }> {
  const owner = await actingFor(broker, principal, input.userId);
  await authorize(broker, owner, 'credential.read');
  if (input.connectorId !== undefined) await mustBeKnown(broker, owner, input.connectorId);
  const filter = {
    ...(input.connectorId === undefined ? {} : { connectorId: input.connectorId }),
    ...(input.status === undefined ? {} : { status: input.status }),
  };
  const { cursor, limit = defaultLimit } = input;
  const { rows, nextCursor } = await reachedPage(broker, owner, { filter, cursor, limit });
  const reader = readerOf(broker, owner);
  const credentials = rows.map((row) => seenBy(owner, viewOf(broker, row, reader)));
  return { credentials, ...(nextCursor !== undefined && { nextCursor }) };
}

/** A misspelt connector is an error, except where credentials of a removed connector file still exist. */
async function mustBeKnown(broker: Broker, owner: Principal, connectorId: string): Promise<void> {
  if (broker.catalogue.get(connectorId)) return;
  for await (const _ of reached(broker, owner, { filter: { connectorId }, pageSize: 1 })) return;
  broker.catalogue.require(connectorId);
}

/** Every credential that a user owns, of one connector or of all, oldest first. Nothing that is shared with it. */
export async function ownedCredentials(
  broker: Broker,
  principal: Principal,
  input: { connectorId?: string },
): Promise<ConnectionView[]> {
  await authorize(broker, principal, 'credential.read');
  if (input.connectorId !== undefined) await mustBeKnown(broker, principal, input.connectorId);
  const filter = input.connectorId === undefined ? {} : { connectorId: input.connectorId };
  const reader = readerOf(broker, principal);
  const views: ConnectionView[] = [];
  for await (const row of reachedOwn(broker, principal, filter)) {
    views.push(seenBy(principal, viewOf(broker, row, reader)));
  }
  return views;
}

/** The metadata of one connection, which calls it allows, and to its owner with whom it is shared. */
export async function getConnection(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<ConnectionView & PoliciesView & { shares?: ShareView[] }> {
  await authorize(broker, principal, 'credential.read');
  const credential = await requireVisible(broker, principal, input.connectionId, 'connectionId');
  const reader = readerOf(broker, principal);
  const view = { ...seenBy(principal, viewOf(broker, credential, reader)), ...policiesOf(credential, reader) };
  return view.access === 'owner' ? { ...view, shares: sharesOf(credential, broker.settings.shareTenants) } : view;
}

/** A row as whoever acts for its owner sees it: theirs to use, never theirs. */
function seenBy({ actor }: Principal, view: ConnectionView): ConnectionView {
  return actor !== undefined && view.access === 'owner' ? { ...view, access: 'use' } : view;
}

/** What of a credential its owner can change. */
type CredentialUpdate = {
  credentialId: string;
  name?: string | undefined;
  /** Which calls are allowed from now on; null lifts every limit. */
  policy?: PolicyInput | null | undefined;
};

/** Renames a credential, or sets which calls it may make; allowing more than before needs its owner's approval. */
export async function updateCredential(
  broker: Broker,
  principal: Principal,
  input: CredentialUpdate,
): Promise<ConnectionView & PoliciesView> {
  const action = 'credential.update';
  await requireMayName(broker, principal, action, input.name);
  const credential = await requireCredential(broker, principal, input.credentialId, { field: 'credentialId', action });
  if (input.name === undefined && input.policy === undefined) {
    throw new KeywardError('invalid_input', 'There is nothing to change.', {
      hint: 'Pass name or policy.',
      details: { fields: { name: 'is missing' } },
    });
  }
  const name = input.name === undefined ? null : readName(input.name);
  const policy = input.policy ? readPolicy(input.policy, serviceOf(broker, credential)) : input.policy;
  const widens = ({ policy: now = null }: Credential) => policy !== undefined && widensPolicy(now, policy);
  const wider = widens(credential);
  const undoesAsking = wider && asksFirst(credential.policy);
  if (wider) {
    await requireOwnAct(broker, principal, 'approval.approve', about(credential));
    // As asked: undefined would be no change, which is never wider.
    const details = { policy: policy ?? null };
    await requireApproval(broker, principal, { credential, action, act: 'policy', details, undoesAsking });
  }
  await authorize(broker, principal, action, about(credential));
  await amend(broker, credential, (record) => {
    // Narrowed meanwhile: what was no widening would be one now.
    if (widens(record) && (!wider || (asksFirst(record.policy) && !undoesAsking))) throw changedMeanwhile();
    return {
      record: { ...record, ...(name !== null && renamed(record, name)), ...(policy === undefined ? {} : { policy }) },
    };
  });
  if (name !== null && name !== credential.name) await closeRequests(broker, principal, credential.id);
  const changed = await requireVisible(broker, principal, credential.id, 'credentialId');
  const reader = readerOf(broker, principal);
  return { ...seenBy(principal, viewOf(broker, changed, reader)), ...policiesOf(changed, reader) };
}
