/** The last step of connecting: a secret becomes a stored credential, new or in place of an old one. */
import { randomUUID } from 'node:crypto';
import { filledHosts } from '../connectors/template.ts';
import { KeywardError } from '../errors.ts';
import type { Owner, Principal } from '../principal.ts';
import type { CredentialSecret, ObtainedBy, VaultChange } from '../vault/vault.ts';
import type { Broker } from './broker.ts';
import { requireCredential } from './credentials.ts';
import { clientCredentials } from './oauth/client-credentials.ts';
import { oauthContext, requireAuth } from './oauth-context.ts';
import { authorize } from './policy.ts';
import { renewed } from './rotate.ts';

/** What a credential is going to be, before there is a secret. */
export type Plan = {
  readonly owner: Owner & Principal;
  readonly connectorId: string;
  readonly authenticationType: string;
  /** Null: named after the connector. */
  readonly name: string | null;
  /** The credential to reconnect in place. */
  readonly reconnects: string | null;
  readonly authConfigId: string | null;
  readonly inputs: Readonly<Record<string, string>>;
  readonly obtainedBy: ObtainedBy;
};

/** The secret of an authentication type that has no token endpoint. */
export function inputSecret(inputs: Readonly<Record<string, string>>): CredentialSecret {
  return { kind: 'inputs', inputs };
}

/** Asks the token endpoint for the tokens of the client itself. */
export async function obtain(broker: Broker, plan: Plan): Promise<CredentialSecret> {
  const { owner, ...rest } = plan;
  const context = await oauthContext(broker, { ...rest, tenant: owner.tenant, owner: owner.user });
  if (context.auth.authenticationType !== 'oauth2_client_credentials') {
    throw new KeywardError('internal', 'Only client credentials can be obtained without a person.');
  }
  return { kind: 'tokens', ...(await clientCredentials({ ...context, auth: context.auth })) };
}

/** Stores the credential and answers its id. `alongside` commits in the same step (the attempt it came from). */
export async function storeCredential(
  broker: Broker,
  principal: Principal,
  plan: Plan,
  secret: CredentialSecret,
  alongside: (credentialId: string) => readonly VaultChange[] = () => [],
): Promise<string> {
  const { owner, connectorId } = plan;
  const connector = broker.catalogue.require(connectorId);
  const values = { ...plan.inputs, ...(secret.kind === 'tokens' ? secret.kept : {}) };
  const hosts = filledHosts(requireAuth(connector, plan.authenticationType).api, values);
  if (plan.reconnects !== null) {
    const previous = await requireCredential(broker, owner, plan.reconnects, 'credentialId');
    if (hosts.some((host) => !previous.hosts.includes(host))) {
      throw new KeywardError('forbidden', 'Reconnecting can’t move a credential to other hosts.', {
        hint: 'Leave credentialId out to make a new credential for the other address.',
      });
    }
    await authorize(broker, principal, 'credential.reconnect', { subject: previous.id, connectorId });
    // Another account may have been chosen this time, so the label has to be verified anew.
    const { inputs, authConfigId, obtainedBy } = plan;
    const record = { ...renewed(previous, secret), account: null, inputs, authConfigId, obtainedBy };
    await broker.vault.commit([
      {
        op: 'update',
        kind: 'credential',
        record: plan.name === null ? record : { ...record, name: plan.name },
        secret,
      },
      ...alongside(previous.id),
    ]);
    return previous.id;
  }
  const id = randomUUID();
  await authorize(broker, principal, 'credential.create', { subject: id, connectorId });
  const tokens = secret.kind === 'tokens' ? secret : null;
  const record = {
    id,
    tenant: owner.tenant,
    owner: owner.user,
    connectorId,
    authenticationType: plan.authenticationType,
    name: plan.name ?? `${connector.name} credential`,
    status: 'active' as const,
    statusReason: null,
    account: null,
    scopes: tokens?.scopes ?? null,
    inputs: plan.inputs,
    hosts,
    authConfigId: plan.authConfigId,
    obtainedBy: plan.obtainedBy,
    expiresAt: tokens?.expiresAt ?? null,
    refreshedAt: tokens ? Date.now() : null,
    refreshStartedAt: null,
    lastUsedAt: null,
  };
  await broker.vault.commit([{ op: 'create', kind: 'credential', record, secret }, ...alongside(id)]);
  return id;
}
