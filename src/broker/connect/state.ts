/** Where an attempt stands, and how it fails. */
import { clientsAt, isOAuthType } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { variablesIn } from '../../connectors/template.ts';
import { hasCode, KeywardError, type PublicError, toPublic } from '../../errors.ts';
import type { Attempt } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { isOver } from '../input/lifetime.ts';

/** A token request takes at most half a minute; an exchange that is older was cut off by a crash. */
const exchangeLimitMs = 120_000;

/** How long a person has for a step, in milliseconds; registering an app at a service is the one that takes long. */
const stepMs = 600_000;
const appStepMs = 3_600_000;

/** True while the person still has to name an OAuth client. */
export function needsAuthConfig({
  authenticationType,
  authConfigId,
}: Pick<Attempt, 'authenticationType' | 'authConfigId'>): boolean {
  return isOAuthType(authenticationType as AuthMethod['authenticationType']) && authConfigId === null;
}

/** When an attempt ends whose present step begins now, in milliseconds since 1970. */
export function stepEndsAt(attempt: Pick<Attempt, 'authenticationType' | 'authConfigId'>, now = Date.now()): number {
  return now + (needsAuthConfig(attempt) ? appStepMs : stepMs);
}

export type AttemptState = 'pending' | 'completed' | 'failed' | 'expired';

/** Where an attempt stands now, with time taken into account. */
export function stateOf(attempt: Attempt, now = Date.now()): AttemptState {
  if (attempt.status === 'completed' || attempt.status === 'failed') return attempt.status;
  if (attempt.status === 'exchanging')
    return Math.abs(now - attempt.updatedAt) > exchangeLimitMs ? 'failed' : 'pending';
  return isOver(attempt.createdAt, attempt.expiresAt, now) ? 'expired' : 'pending';
}

/** Why an attempt failed. */
export function failureOf(attempt: Attempt): PublicError {
  if (attempt.error) {
    const { denied: _, ...error } = attempt.error;
    return error as PublicError;
  }
  return {
    code: 'provider_unavailable',
    message: 'Keyward was stopped while the service was answering.',
    hint: 'Start again with create_credential.',
  };
}

/**
 * The error of an attempt whose time is over. A service that does not know the client or the redirect URI shows
 * the person an error and never sends them back (RFC 6749 §4.1.2.1), so the way to mend that has to be told here.
 */
export function expired(
  {
    flow,
    redirectUri,
    authenticationType,
    inputs,
  }: Pick<Attempt, 'flow' | 'redirectUri' | 'authenticationType' | 'inputs'>,
  connector?: Connector,
): KeywardError {
  const auth = connector?.auth.find((one) => one.authenticationType === authenticationType);
  const atService =
    flow === 'code' && connector !== undefined && auth !== undefined
      ? ` If ${connector.name} showed the person an error instead of asking, compare the client id with ${clientsAt(connector, auth, inputs)} and register exactly this redirect URI there: ${redirectUri}${typedAddress(connector)}`
      : '';
  return new KeywardError('attempt_expired', 'This connect flow has expired.', {
    hint: `Start again with create_credential.${atService}`,
  });
}

/** A customer's own address that does not exist shows itself to the browser alone. */
function typedAddress({ auth }: Connector): string {
  const typed = auth.flatMap((one) =>
    one.authenticationType === 'oauth2' ? variablesIn(one.authorizationEndpoint ?? '') : [],
  );
  return typed.length === 0 ? '' : `. If the browser did not find the address, ${typed.join(', ')} was mistyped`;
}

/** Marks an attempt as failed. A `conflict` means that somebody else ended it first, which is as good. */
export async function failAttempt(broker: Broker, attempt: Attempt, error: KeywardError): Promise<void> {
  try {
    const denied = error.code === 'cancelled' || error.details.providerError === 'access_denied';
    const told = { ...toPublic(error), ...(denied && { denied: true as const }) };
    const record = { ...attempt, status: 'failed' as const, error: told };
    await broker.vault.commit([{ op: 'update', kind: 'attempt', record }]);
  } catch (problem) {
    if (!hasCode(problem, 'conflict')) throw problem;
  }
}

/**
 * Where the person goes after an attempt ended: the caller's `redirectUri` with `credentialId` or `error` (a code)
 * appended and nothing else; null without one. What the caller wrote under these names itself is replaced.
 */
function returnUrl(returnTo: string | null, outcome: { credentialId: string } | { error: string }): string | null {
  if (returnTo === null) return null;
  const url = new URL(returnTo);
  for (const name of ['credentialId', 'error']) url.searchParams.delete(name);
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value);
  return url.href;
}

/**
 * Where the person goes after this attempt. A no has the name that OAuth gives it (RFC 6749 §4.1.2.1); a fault has its
 * own.
 */
export function returnOf(attempt: Attempt): string | null {
  const { returnTo, credentialId, error } = attempt;
  if (credentialId !== null) return returnUrl(returnTo, { credentialId });
  return returnUrl(returnTo, { error: error?.denied ? 'access_denied' : failureOf(attempt).code });
}
