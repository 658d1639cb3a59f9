/** Sending one request to an authorization server within the operation's time, trying again where that is safe. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../../errors.ts';
import type { EgressRequest, EgressResponse } from '../../net/egress.ts';
import type { Operation } from './context.ts';
import { garbled } from './failures.ts';

/**
 * `repeatable`: the request may reach the service twice without harm. `once`: it may not (a code is used up, a refresh
 * token may have rotated), so it is tried again only when certainly nothing was sent.
 */
export type Repeat = 'repeatable' | 'once';

const pauseMs = 250;
/** Token answers are a few kilobytes; metadata documents a little more. */
const maxBytes = 256 * 1024;

/** Sends, and once more after a network failure if `repeat` and the time left allow it. */
export async function send(
  operation: Operation,
  request: Pick<EgressRequest, 'url' | 'method' | 'headers' | 'body'>,
  repeat: Repeat,
): Promise<EgressResponse> {
  const attempt = () =>
    operation.egress.request({
      ...request,
      hosts: [request.url.host],
      timeoutMs: Math.max(1, operation.until - performance.now()),
      maxBytes,
      ...(operation.signal ? { signal: operation.signal } : {}),
    });
  try {
    return await attempt();
  } catch (error) {
    if (hasCode(error, 'egress_too_large')) {
      throw garbled(operation, 'answered with more than any OAuth answer holds', { ambiguous: true });
    }
    const failed = hasCode(error, 'provider_unavailable');
    const harmless = failed && (repeat === 'repeatable' || !error.details.ambiguous);
    if (!harmless || performance.now() + pauseMs >= operation.until) throw error;
    await delay(pauseMs);
    return attempt();
  }
}
