/** The whole job against a simulated service: connect, use, refresh, use again, delete and revoke. */
import { checkAttempt } from '../../src/broker/attempts/attempts.ts';
import { deleteCredential } from '../../src/broker/credentials.ts';
import { getCredentialMetadata } from '../../src/broker/metadata.ts';
import { verifyCredential } from '../../src/broker/verify.ts';
import { localPrincipal } from '../../src/principal.ts';
import { ageTokens, connectAcme, finishAttempt, type TestBroker, tokensOf } from '../support/broker.ts';

export type Done = {
  /** What `verify_credential` said, before and after the refresh. */
  readonly verified: readonly unknown[];
  /** Whether an expired access token was replaced. */
  readonly refreshed: boolean;
  readonly revocation: string;
};

/** Connects with the sample inputs of the connector's own metadata. */
export async function doJob({ broker }: TestBroker, connectorId: string): Promise<Done> {
  const me = localPrincipal;
  const { metadata } = await getCredentialMetadata(broker, me, { connectorId }, 'program');
  const [form] = metadata;
  const fixed = new Set(['userId', 'authenticationType', 'redirectUri', 'authConfigId']);
  const inputs = Object.fromEntries(Object.entries(form?.sampleInput ?? {}).filter(([name]) => !fixed.has(name)));
  const credentialId = await connectAcme(broker, me, { connectorId, ...inputs });
  const verify = () => verifyCredential(broker, me, { credentialId });
  const first = await verify();
  const before = await tokensOf(broker, me, credentialId);
  const refreshable = before.refreshToken !== null;
  if (refreshable) await ageTokens(broker, me, credentialId, -1_000);
  const second = await verify();
  const refreshed = refreshable && (await tokensOf(broker, me, credentialId)).accessToken !== before.accessToken;
  const { revocation } = await deleteCredential(broker, me, { credentialId });
  return { verified: [first, second], refreshed, revocation };
}

/** Goes through consent and callback, and answers what the person and the assistant are told. */
export async function tryToConnect({ broker }: TestBroker, connectorId: string) {
  const { id } = await finishAttempt(broker, localPrincipal, { connectorId });
  return { attemptId: id, ...(await checkAttempt(broker, localPrincipal, { attemptId: id })) };
}
