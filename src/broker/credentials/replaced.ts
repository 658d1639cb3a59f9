/**
 * The secret that reconnecting replaced. It is kept for a day, so that its owner can undo what was done by mistake, or by
 * somebody else than they thought.
 */
import { KeywardError } from '../../errors.ts';
import type { Owner, Principal } from '../../principal.ts';
import type { Credential, ReplacedSecret, VaultChange } from '../../vault/vault.ts';
import { forgetRequests } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { amend } from '../grants/amend.ts';
import { renewed, unsavedFor } from '../grants/fresh-tokens.ts';
import { about, requireCredential } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { isEnded } from './ended.ts';
import { movedTo } from './server-list.ts';

const keepMs = 86_400_000;

/** The changes that keep the secret which is about to be replaced; none for one that its service has refused already. */
export async function keepReplaced(broker: Broker, now: Credential, client: string | null): Promise<VaultChange[]> {
  if (now.status !== 'active') return [];
  const { id, tenant, owner, connectorId, account, inputs, scopes, askedScopes = null, authConfigId, obtainedBy } = now;
  const before = await broker.vault.get('replacedSecret', { tenant, user: owner }, id);
  const secret = unsavedFor(broker, now) ?? (await broker.vault.open('credential', now));
  const replacedAt = Date.now();
  const fields = {
    ...{ id, tenant, owner, connectorId, account, inputs, scopes, askedScopes, authConfigId, obtainedBy },
    authConfigOwner: now.authConfigOwner ?? null,
    grantedAt: now.grantedAt ?? now.createdAt,
    client,
    replacedAt,
    expiresAt: replacedAt + keepMs,
  };
  return [
    before
      ? { op: 'update', kind: 'replacedSecret', record: { ...before, ...fields }, secret }
      : { op: 'create', kind: 'replacedSecret', record: fields, secret },
  ];
}

/** What a person is told of a reconnect that can be undone. */
export type Reconnected = {
  readonly credentialId: string;
  /** The program that reconnected, as it calls itself. */
  readonly client: string | null;
  /** The account before, where it was known. */
  readonly account: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly until: number;
};

/** The reconnects of a day that this owner can undo. */
export async function listReconnected(broker: Broker, { tenant, user }: Owner): Promise<Reconnected[]> {
  const kept = await broker.vault.list('replacedSecret', { tenant, user }, {}, { limit: 500 });
  return kept
    .filter((one) => one.expiresAt > Date.now())
    .map(({ id, client, account, replacedAt: at, expiresAt: until }) => ({
      credentialId: id,
      client,
      account,
      at,
      until,
    }));
}

/**
 * Brings back the secret from before the last reconnect; the newer one is forgotten. Shares stay, and what was approved
 * about the newer secret counts no more. `not_found` when there is none, or a day is over; `reconnect_required` after its
 * owner ended every connection.
 */
export async function revertReconnect(
  broker: Broker,
  principal: Principal,
  input: { credentialId: string },
): Promise<{ credentialId: string }> {
  const action = 'credential.revert';
  const credential = await requireCredential(broker, principal, input.credentialId, { field: 'credentialId', action });
  refuseEnded(credential);
  const kept = await requireKept(broker, principal, credential.id);
  await authorize(broker, principal, action, about(credential));
  const secret = await broker.vault.open('replacedSecret', kept);
  await forgetRequests(broker, principal, credential.id);
  const { account, inputs, scopes, askedScopes = null } = kept;
  const { authConfigId, authConfigOwner = null, obtainedBy, grantedAt = 0 } = kept;
  await amend(broker, credential, async (now) => {
    refuseEnded(now);
    const before = { account, inputs, scopes, askedScopes, authConfigId, authConfigOwner, obtainedBy };
    const moved = await movedTo(broker, { ...now, ...before }, secret);
    return {
      record: { ...renewed(broker, { ...now, grantedAt }, secret), ...before, ...moved.fields },
      secret,
      alongside: [{ op: 'delete', kind: 'replacedSecret', record: kept }, ...moved.changes],
    };
  });
  broker.unsaved.delete(credential.id);
  broker.coolDowns.delete(credential.id);
  return { credentialId: credential.id };
}

/** What its owner ended does not come back with a grant from before. */
function refuseEnded(credential: Credential): void {
  if (!isEnded(credential)) return;
  throw new KeywardError(
    'reconnect_required',
    'This connection was ended, and an earlier secret does not bring it back.',
    {
      hint: `Connect it again: keyward connect --reconnect ${credential.id}`,
    },
  );
}

async function requireKept(broker: Broker, owner: Owner, id: string): Promise<ReplacedSecret> {
  const kept = await broker.vault.get('replacedSecret', owner, id);
  if (kept && kept.expiresAt > Date.now()) return kept;
  throw new KeywardError('not_found', 'There is no earlier secret of this connection.', {
    hint: 'One is kept for a day after reconnecting. To use another one, connect again.',
  });
}
