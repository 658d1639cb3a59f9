/** What a program asks for, read from the request that a browser came with. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Provider } from 'oidc-provider';
import { grantable } from '../../broker/authorization/choice.ts';
import { KeywardError } from '../../errors.ts';
import type { Scope } from '../../principal.ts';

export type Request = {
  readonly uid: string;
  readonly clientId: string;
  /** What the program calls itself; null when it says nothing. */
  readonly name: string | null;
  /** The host whose document it is; null for a program that registered itself. */
  readonly vouchedBy: string | null;
  readonly redirectUri: string;
  readonly resource: string;
  readonly scopes: readonly Scope[];
};

/**
 * The request of this address, which this browser has the cookie of.
 *
 * @throws KeywardError `attempt_expired`
 */
export async function requestOf(c: Context, provider: Provider): Promise<Request> {
  const { incoming, outgoing } = nodeOf(c);
  const { uid, params } = await provider.interactionDetails(incoming, outgoing).catch(tooLate);
  const text = (name: string) => (typeof params[name] === 'string' ? params[name] : '');
  if (uid !== c.req.param('uid')) throw requestOver();
  const clientId = text('client_id');
  const client = await provider.Client.find(clientId).catch(() => undefined);
  if (client === undefined) throw requestOver();
  const asked = text('scope').split(' ');
  return {
    uid,
    clientId,
    name: client.clientName ?? null,
    vouchedBy: clientId.startsWith('https://') ? new URL(clientId).host : null,
    redirectUri: text('redirect_uri'),
    resource: text('resource'),
    scopes: grantable.filter((scope) => asked.includes(scope)),
  };
}

/** The request and its answer as Node has them. */
export function nodeOf(c: Context): HttpBindings {
  return c.env as HttpBindings;
}

function tooLate(error: unknown): never {
  if (error instanceof Error && error.name === 'SessionNotFound') throw requestOver();
  throw error;
}

/** What is told of a request that can't be answered here, or not any more. */
export function requestOver(): KeywardError {
  return new KeywardError('attempt_expired', 'This request was answered already, or waited for too long.', {
    hint: 'Go back to the program and connect once more, all the way in one browser. Cookies have to be allowed for it.',
  });
}
