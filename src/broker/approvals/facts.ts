/** The facts of a request as they are when it is made. Its page shows these, whatever changes afterwards. */
import {
  type Approval,
  type ApprovalAct,
  type ApprovalDetails,
  type ApprovalFacts,
  type Credential,
  canonicalJson,
} from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { renamedLately } from '../input/renamed.ts';

/** What a request is about: a credential of the caller's own, or hosts that nothing reaches yet. */
export type Matter =
  | Credential
  | { readonly id: null; readonly connectorId: string; readonly hosts: readonly string[] };

/** The facts about this matter at this moment. */
export function factsOf(broker: Broker, matter: Matter, now = Date.now()): ApprovalFacts {
  const { connectorId, hosts } = matter;
  const service = broker.catalogue.get(connectorId)?.name ?? connectorId;
  if (matter.id === null) return { service, hosts: [...hosts], connection: null };
  const { name, account, grantedAt, createdAt, policy = null, inputs } = matter;
  const renamed = renamedLately(matter, now);
  const connectedAt = grantedAt ?? createdAt;
  return { service, hosts: [...hosts], connection: { name, account, connectedAt, policy, renamed, inputs } };
}

/** What of a request its digest covers: all that its page shows of it. */
type Asked = {
  readonly act: ApprovalAct;
  readonly connectorId: string;
  readonly credentialId: string | null;
  readonly details: ApprovalDetails;
  readonly facts: ApprovalFacts;
};

/** Keyed digest of what is asked; an approval is good for exactly this. */
export function askedDigest(broker: Broker, { act, connectorId, credentialId, details, facts }: Asked): string {
  return broker.vault.proof('approval-request', canonicalJson({ act, connectorId, credentialId, details, facts }));
}

/** True while what a request shows is what it was made with, and still so. */
export async function isStillSo(broker: Broker, approval: Approval): Promise<boolean> {
  const { facts, credentialId } = approval;
  if (facts === undefined || askedDigest(broker, { ...approval, facts }) !== approval.argumentsDigest) return false;
  if (credentialId === null) return true;
  const owner = { tenant: approval.tenant, user: approval.owner };
  const credential = await broker.vault.get('credential', owner, credentialId);
  return (
    credential !== undefined && canonicalJson(factsOf(broker, credential, approval.askedAt)) === canonicalJson(facts)
  );
}
