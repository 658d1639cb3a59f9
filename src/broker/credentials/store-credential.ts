/** The last step of connecting: a secret becomes a stored credential, new or in place of an old one. */
import { randomUUID } from 'node:crypto';
import { filledHosts } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { CredentialSecret, ObtainedBy, VaultChange } from '../../vault/vault.ts';
import { forgetRequests } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { amend } from '../grants/amend.ts';
import { reconnectBy } from '../grants/expiry.ts';
import { renewed } from '../grants/fresh-tokens.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { renamed } from '../input/renamed.ts';
import { maxName, oneLine } from '../input/text.ts';
import { clientCredentials } from '../oauth/client-credentials.ts';
import type { OAuthContext } from '../oauth/context.ts';
import { requireCredential } from '../policy/access.ts';
import { auditedRefusal, authorize } from '../policy/policy.ts';
import { checkSecret } from './check-secret.ts';
import { keepReplaced } from './replaced.ts';
import { movedTo, noteListing } from './server-list.ts';

/** What a credential is going to be, before there is a secret. */
export type Plan = {
  /** Whose it becomes; the acts are audited as this principal’s. */
  readonly owner: Principal;
  readonly connectorId: string;
  readonly authenticationType: string;
  /** Null: named after the connector. */
  readonly name: string | null;
  /** The credential to reconnect in place. */
  readonly reconnects: string | null;
  readonly authConfigId: string | null;
  readonly authConfigOwner?: string | null;
  readonly inputs: Readonly<Record<string, string>>;
  readonly askedScopes?: readonly string[] | null;
  readonly obtainedBy: ObtainedBy;
  /** Nothing is stored that the service did not take, such as while it can't be reached. */
  readonly onlyTaken?: boolean;
  /** The program that asked, where it is not the one that finishes. */
  readonly client?: string | null;
};

/** The secret of an authentication type that has no token endpoint. */
export function inputSecret(inputs: Readonly<Record<string, string>>): CredentialSecret {
  return { kind: 'inputs', inputs };
}

/** Asks the token endpoint for the tokens of a client, or of a service account by its key. */
export async function obtain(
  context: OAuthContext,
  secretInputs: Readonly<Record<string, string>>,
): Promise<CredentialSecret> {
  const { auth } = context;
  if (auth.authenticationType === 'oauth2_jwt_bearer') {
    const { jwtBearer } = await import('../oauth/jwt-bearer.ts');
    return { kind: 'tokens', ...(await jwtBearer({ ...context, auth }, secretInputs)), inputs: secretInputs };
  }
  if (auth.authenticationType !== 'oauth2_client_credentials') {
    throw new KeywardError('internal', 'These tokens can not be obtained without a person.');
  }
  return { kind: 'tokens', ...(await clientCredentials({ ...context, auth })) };
}

/**
 * Stores the credential and answers its id.
 *
 * @param obtainSecret runs once the act is in the audit log
 * @param alongside commits in the same step (the attempt it came from)
 */
export async function storeCredential(
  broker: Broker,
  plan: Plan,
  obtainSecret: () => Promise<CredentialSecret>,
  alongside: (credentialId: string) => readonly VaultChange[] = () => [],
): Promise<string> {
  if (plan.reconnects !== null) return replaceSecret(broker, plan, plan.reconnects, obtainSecret, alongside);
  const { owner, connectorId } = plan;
  // Before the service gives a secret that nobody could keep.
  await broker.vault.requireRoom('credential', owner);
  const id = randomUUID();
  await authorize(broker, owner, 'credential.create', { subject: id, connectorId });
  const secret = await obtainSecret();
  const tokens = secret.kind === 'tokens' ? secret : null;
  const now = Date.now();
  const { name: service } = broker.catalogue.require(connectorId);
  const record = {
    id,
    tenant: owner.tenant,
    owner: owner.user,
    connectorId,
    authenticationType: plan.authenticationType,
    name: plan.name ?? `${service} credential`,
    status: 'active' as const,
    statusReason: null,
    account: null,
    scopes: tokens?.scopes ?? null,
    askedScopes: plan.askedScopes ?? null,
    inputs: plan.inputs,
    hosts: hostsOf(broker, plan, secret),
    authConfigId: plan.authConfigId,
    authConfigOwner: plan.authConfigOwner ?? null,
    obtainedBy: plan.obtainedBy,
    expiresAt: tokens?.expiresAt ?? null,
    refreshedAt: tokens ? now : null,
    grantedAt: now,
    reconnectBy: reconnectBy(authOf(broker, plan), secret, now, now),
    refreshStartedAt: null,
    lastUsedAt: null,
  };
  const { found, listing } = await checkSecret(broker, record, secret);
  if (plan.onlyTaken && found.statusReason !== null) {
    throw new KeywardError('provider_unavailable', `${service} did not confirm it. ${found.statusReason}`, {
      hint: 'Nothing was stored. Try again later.',
    });
  }
  const { account } = found;
  const name = plan.name ?? oneLine(`${service} ${account === null ? 'credential' : `(${account})`}`, maxName);
  await broker.vault.commit([
    { op: 'create', kind: 'credential', record: { ...record, ...found, name: name ?? record.name }, secret },
    ...alongside(id),
  ]);
  const made = await broker.vault.get('credential', owner, id);
  if (made) await noteListing(broker, made, listing);
  return id;
}

/** Reconnecting: the same credential, a new secret. Whatever else changes the record meanwhile, a refresh included, yields. */
async function replaceSecret(
  broker: Broker,
  plan: Plan,
  credentialId: string,
  obtainSecret: () => Promise<CredentialSecret>,
  alongside: (credentialId: string) => readonly VaultChange[],
): Promise<string> {
  const { owner, connectorId, inputs, authConfigId, authConfigOwner = null, obtainedBy, name } = plan;
  const { askedScopes = null } = plan;
  const previous = await requireCredential(broker, owner, credentialId, {
    field: 'credentialId',
    action: 'credential.reconnect',
  });
  await authorize(broker, owner, 'credential.reconnect', { subject: previous.id, connectorId });
  const secret = await obtainSecret();
  if (hostsOf(broker, plan, secret).some((host) => !previous.hosts.includes(host))) {
    const error = new KeywardError('forbidden', 'Reconnecting can’t move a credential to other hosts.', {
      hint: 'Leave credentialId out to make a new credential for the other address.',
    });
    throw await auditedRefusal(broker, owner, 'credential.reconnect', { subject: previous.id, connectorId }, error);
  }
  const changes = { inputs, askedScopes, authConfigId, authConfigOwner, obtainedBy };
  const { found, listing } = await checkSecret(broker, { ...previous, ...changes }, secret);
  // Before the secret is there: who allowed an earlier one to be read, or the connection to be shared, meant that one.
  await forgetRequests(broker, owner, previous.id);
  const grantedAt = Date.now();
  await broker.vault.purge('replacedSecret', grantedAt);
  await amend(broker, previous, async (now) => {
    // Another account may have been chosen this time.
    const record = { ...renewed(broker, { ...now, grantedAt }, secret), ...changes, ...found };
    const kept = await keepReplaced(broker, now, plan.client ?? owner.client ?? null);
    const moved = await movedTo(broker, { ...now, inputs }, secret);
    return {
      record: { ...record, ...moved.fields, ...(name !== null && renamed(now, name)) },
      secret,
      alongside: [...kept, ...moved.changes, ...alongside(previous.id)],
    };
  });
  await noteListing(broker, previous, listing);
  return previous.id;
}

function authOf(broker: Broker, plan: Plan) {
  return requireAuth(broker.catalogue.require(plan.connectorId), plan.authenticationType);
}

/** The hosts that a credential with this secret is made for. */
function hostsOf(broker: Broker, plan: Plan, secret: CredentialSecret): string[] {
  return filledHosts(authOf(broker, plan).api, { ...plan.inputs, ...(secret.kind === 'tokens' ? secret.kept : {}) });
}
