/** What is done with a simulated service: connect, use, refresh, use again, delete and revoke; and what fails. */
import { checkAttempt } from '../../src/broker/connect/attempts.ts';
import { finishCallback } from '../../src/broker/connect/callback.ts';
import { deleteCredential } from '../../src/broker/credentials/delete.ts';
import { getConnection } from '../../src/broker/credentials/manage.ts';
import { getCredentialMetadata } from '../../src/broker/credentials/metadata.ts';
import { verifyCredential } from '../../src/broker/credentials/verify.ts';
import { localPrincipal, type Principal } from '../../src/principal.ts';
import { ageTokens, connectAcme, consent, finishAttempt, type TestBroker, tokensOf } from '../support/broker.ts';

export type Done = {
  /** What `verify_credential` said, before and after the refresh. */
  readonly verified: readonly unknown[];
  /** Seconds that the access token lives, and that nobody is needed, as `get_connection` says, to the minute; null: no end. */
  readonly lives: number | null;
  readonly lasts: number | null;
  /** Whether an expired access token was replaced. */
  readonly refreshed: boolean;
  readonly revocation: string;
};

/** Who connects a service: somebody for each, since one user may have so many attempts an hour and no more. */
export function personAt(connectorId: string): Principal {
  return { ...localPrincipal, user: `person at ${connectorId}` };
}

/** Connects, with the sample inputs of the connector's own metadata. */
export async function connect({ broker }: TestBroker, connectorId: string): Promise<string> {
  return connectAcme(broker, personAt(connectorId), { connectorId, ...(await samples(broker, connectorId)) });
}

async function samples(broker: TestBroker['broker'], connectorId: string): Promise<Record<string, unknown>> {
  const { metadata } = await getCredentialMetadata(broker, personAt(connectorId), { connectorId }, 'program');
  const [form] = metadata;
  const fixed = new Set(['userId', 'authenticationType', 'redirectUri', 'authConfigId']);
  return Object.fromEntries(Object.entries(form?.sampleInput ?? {}).filter(([name]) => !fixed.has(name)));
}

export async function doJob(test: TestBroker, connectorId: string): Promise<Done> {
  const { broker } = test;
  const me = personAt(connectorId);
  const credentialId = await connect(test, connectorId);
  const { expiresAt, reconnectBy } = await getConnection(broker, me, { connectionId: credentialId });
  const verify = () => verifyCredential(broker, me, { credentialId });
  const first = await verify();
  const before = await tokensOf(broker, me, credentialId);
  const refreshable = before.refreshToken !== null;
  if (refreshable) await ageTokens(broker, me, credentialId, -1_000);
  const second = await verify();
  const refreshed = refreshable && (await tokensOf(broker, me, credentialId)).accessToken !== before.accessToken;
  const { revocation } = await deleteCredential(broker, me, { credentialId });
  return { verified: [first, second], lives: fromNow(expiresAt), lasts: fromNow(reconnectBy), refreshed, revocation };
}

function fromNow(time: string | null): number | null {
  return time === null ? null : toTheMinute((Date.parse(time) - Date.now()) / 1_000);
}

/** Seconds as they can be compared, whatever time a test takes. */
export function toTheMinute(seconds: number): number {
  return Math.round(seconds / 60) * 60;
}

/** Goes through consent and callback, and answers what the person and the assistant are told. */
export async function tryToConnect({ broker }: TestBroker, connectorId: string, input: object = {}) {
  const me = personAt(connectorId);
  const { id } = await finishAttempt(broker, me, { connectorId, ...(await samples(broker, connectorId)), ...input });
  return { attemptId: id, ...(await checkAttempt(broker, me, { attemptId: id })) };
}

/** Connects, with something that happens at the service between consent and callback. */
export async function tryAfter({ broker }: TestBroker, connectorId: string, happens: () => void) {
  const me = personAt(connectorId);
  const input = { connectorId, ...(await samples(broker, connectorId)) };
  const { attemptId, browser, connectorId: own, received } = await consent(broker, me, input);
  happens();
  await finishCallback(broker, { received, connectorId: own, cookieOf: () => browser, visitor: 'local' });
  return checkAttempt(broker, me, { attemptId });
}
