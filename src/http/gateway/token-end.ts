/** A stream that stays open goes no further than the token that let its program in: revoked or expired, it reads no more. */
import type { ServerResponse } from 'node:http';
import type { Broker } from '../../broker/broker.ts';
import { hasCode } from '../../errors.ts';
import type { Bearer } from '../auth/bearer.ts';
import { abortResponse } from '../listener/node-response.ts';

/** How long an answer goes on without a look, in milliseconds. */
const lookEveryMs = 1_000;

/**
 * Breaks an answer off once its token has ended, also while nothing comes.
 *
 * @param authorization the header that let the program in
 */
export function endWithToken(
  { log }: Pick<Broker, 'log'>,
  bearer: Bearer,
  authorization: string | undefined,
  outgoing: ServerResponse,
): void {
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    if (await isOver(bearer, authorization)) {
      log.warn('gateway.cut', { code: 'unauthenticated' });
      abortResponse(outgoing);
    } else again();
  };
  const again = () => {
    if (!outgoing.closed) timer = setTimeout(look, lookEveryMs).unref();
  };
  outgoing.once('close', () => clearTimeout(timer));
  again();
}

/** That an issuer or a busy vault can't be asked at the moment says nothing about a token. */
async function isOver(bearer: Bearer, authorization: string | undefined): Promise<boolean> {
  try {
    await bearer.authenticate(authorization);
    return false;
  } catch (error) {
    return !hasCode(error, 'provider_unavailable', 'vault_busy');
  }
}
