/** Verifying a credential that is stored: what its service says now. */
import { hasCode, toPublic } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type Connection, openConnection, sendWithRenewal } from '../calls/connection.ts';
import { type Finding, findingOf, isVerifiable, maxAccount, sendVerification } from '../calls/verification.ts';
import { amendSame } from '../grants/amend.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { reconnectHint } from '../grants/renew.ts';
import { quoted } from '../input/text.ts';
import { about, isOwn, requireCredential } from '../policy/access.ts';
import { requireUnguessable } from '../policy/guessable.ts';
import { authorize } from '../policy/policy.ts';
import { noteListing } from './server-list.ts';
import { isoTime } from './view.ts';

type VerificationResult = {
  status: 'active' | 'reconnect_required';
  account?: string;
  /** ISO 8601. */
  checkedAt: string;
  detail?: string;
};

/** Calls the connector's verification endpoint and notes what came out. */
export async function verifyCredential(
  broker: Broker,
  principal: Principal,
  input: { credentialId: string },
  options: { signal?: AbortSignal } = {},
): Promise<VerificationResult> {
  const credential = await requireCredential(broker, principal, input.credentialId, {
    field: 'credentialId',
    action: 'credential.verify',
    access: 'use',
  });
  await authorize(broker, principal, 'credential.verify', about(credential));
  const checkedAt = isoTime(Date.now());
  const own = isOwn(broker, principal, credential);
  try {
    const auth = requireAuth(broker.catalogue.require(credential.connectorId), credential.authenticationType);
    if (!isVerifiable(auth)) {
      const { connector } = await openConnection(broker, credential);
      return { status: 'active', checkedAt, detail: `${connector.name} has no endpoint to check this with.` };
    }
    const send = async (connection: Connection) => {
      if (!own) await requireUnguessable(connection.secret);
      return sendVerification(broker, connection, options);
    };
    const judged = await sendWithRenewal(broker, credential, send, { settle: true });
    const { connection } = judged;
    broker.vault.touch(connection.credential);
    await noteListing(broker, connection.credential, judged.answer.listing ?? null);
    const found = await storeFinding(broker, connection.credential, await findingOf(judged));
    // The service of somebody else's choice worded it.
    return { checkedAt, ...found, ...(found.account && !own && { account: quoted(found.account, maxAccount) }) };
  } catch (error) {
    if (hasCode(error, 'reconnect_required')) {
      return { status: 'reconnect_required', checkedAt, detail: `${error.message} ${error.hint ?? ''}`.trim() };
    }
    if (!hasCode(error, 'provider_unavailable', 'provider_garbled', 'provider_refused')) throw error;
    const { message, hint = '' } = toPublic(error);
    return { status: 'active', checkedAt, detail: `Not checked: ${message} ${hint}`.trim() };
  }
}

/** Stores what was found. It says so of this very secret: one that somebody stored meanwhile was not judged. */
async function storeFinding(
  broker: Broker,
  credential: Credential,
  found: Finding,
): Promise<Omit<VerificationResult, 'checkedAt'>> {
  const change = (changes: Partial<Credential>) =>
    amendSame(broker, credential, (record) => ({ record: { ...record, ...changes } }));
  if (found.kind === 'unknown') return { status: credential.status, detail: found.reason };
  if (found.kind === 'refused') {
    await change({ status: 'reconnect_required', statusReason: found.reason });
    return { status: 'reconnect_required', detail: `${found.reason} ${reconnectHint(credential)}` };
  }
  const { account } = found;
  const news = account !== null && account !== credential.account;
  // What kept the service from being asked when it was stored is over.
  const unchecked = credential.status === 'active' && credential.statusReason !== null;
  if (news || unchecked) await change({ ...(news && { account }), ...(unchecked && { statusReason: null }) });
  return { status: 'active', ...(account !== null && { account }) };
}
