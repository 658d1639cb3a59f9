/** Device authorization (RFC 8628): no browser on this machine, so Keyward asks the service until the person is done. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode, KeywardError } from '../../errors.ts';
import type { Attempt, AttemptSecret } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { oauthContext } from '../grants/oauth-context.ts';
import type { OAuthContext } from '../oauth/context.ts';
import { pollDevice, startDevice } from '../oauth/device.ts';
import { finishAttempt } from './finish.ts';
import { failAttempt, stateOf } from './state.ts';

/** RFC 8628 §3.5: `slow_down` adds five seconds for this and all further requests. */
const slowDownSeconds = 5;

type DeviceState = NonNullable<AttemptSecret['device']>;

/** Asks the service for a code; `expiresAt` in milliseconds since 1970. */
export async function beginDevice(context: OAuthContext): Promise<{ device: DeviceState; expiresAt: number }> {
  if (context.auth.authenticationType !== 'oauth2') throw new KeywardError('internal', 'Not an OAuth authorization.');
  const { expiresAt, ...device } = await startDevice({ ...context, auth: context.auth });
  return { device: { ...device, nextPollAt: Date.now() + device.intervalSeconds * 1000 }, expiresAt };
}

/**
 * Polls in the background until the attempt ends. Any process may call it for any attempt: a lease makes sure that only
 * one of them asks, because asking too often is answered with `slow_down` or worse.
 */
export function watchDevice(broker: Broker, attemptId: string): void {
  if (broker.watched.has(attemptId)) return;
  broker.watched.add(attemptId);
  void watch(broker, attemptId)
    .catch(() => broker.log.warn('device.watch_failed', { attemptId }))
    .finally(() => broker.watched.delete(attemptId));
}

async function watch(broker: Broker, attemptId: string): Promise<void> {
  for (;;) {
    const attempt = await broker.vault.findAttempt(attemptId);
    if (!attempt || stateOf(attempt) !== 'pending') return;
    const { device } = await broker.vault.open('attempt', attempt);
    if (!device) return;
    const wait = device.nextPollAt - Date.now();
    // Never keeps the process alive: the attempt is in the vault, whoever looks next goes on.
    if (wait > 0) await delay(Math.min(wait, device.intervalSeconds * 1000), undefined, { ref: false });
    else await poll(broker, attemptId);
  }
}

/** Asks once, if it is time and nobody else is asking. */
async function poll(broker: Broker, attemptId: string): Promise<void> {
  try {
    await broker.vault.withLease(`device:${attemptId}`, { waitMs: 0 }, async () => {
      const attempt = await broker.vault.findAttempt(attemptId);
      if (!attempt || stateOf(attempt) !== 'pending') return;
      const secret = await broker.vault.open('attempt', attempt);
      if (!secret.device || secret.device.nextPollAt > Date.now()) return;
      await ask(broker, attempt, secret, secret.device);
    });
  } catch (error) {
    if (!hasCode(error, 'vault_busy', 'conflict')) throw error;
    await delay(1_000, undefined, { ref: false });
  }
}

async function ask(broker: Broker, attempt: Attempt, secret: AttemptSecret, device: DeviceState): Promise<void> {
  const context = await oauthContext(broker, attempt);
  if (context.auth.authenticationType !== 'oauth2') return;
  let slower = 0;
  try {
    const answer = await pollDevice({ ...context, auth: context.auth }, device.deviceCode);
    if (!answer.pending) {
      const { tokens } = answer;
      await finishAttempt(broker, attempt, async () => ({ kind: 'tokens', ...tokens }));
      return;
    }
    if (answer.slowDown) slower = slowDownSeconds;
  } catch (error) {
    // A service that is down for a moment is asked again (RFC 8628 §3.5), a refusal is final.
    if (!hasCode(error, 'provider_unavailable')) {
      const final =
        error instanceof KeywardError ? error : new KeywardError('internal', 'Connecting failed unexpectedly.');
      await failAttempt(broker, attempt, final);
      return;
    }
    slower = slowDownSeconds;
  }
  const intervalSeconds = device.intervalSeconds + slower;
  const next = { ...device, intervalSeconds, nextPollAt: Date.now() + intervalSeconds * 1000 };
  await broker.vault.commit([{ op: 'update', kind: 'attempt', record: attempt, secret: { ...secret, device: next } }]);
}
