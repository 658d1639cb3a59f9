/** The way to the MCP server of a connection: `callService`, with its owner asked first where a tool wants that. */
import { takeLink, waitForAnswer } from '../../broker/approvals/link.ts';
import { type AskedRequest, approvalOf } from '../../broker/approvals/refusals.ts';
import type { Broker } from '../../broker/broker.ts';
import { callService, type ServiceAnswer } from '../../broker/calls/call-service.ts';
import type { Principal } from '../../principal.ts';

/** How long a call waits for its owner, in seconds. Clients give a request a minute; the answer has to be out before. */
const waitSeconds = 50;

type Sending = {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Limit of the whole exchange; default none, since a tool may take hours and a stream of messages never ends. */
  readonly timeoutMs?: number;
};

/** Sends one request to the server. Throws what `callService` throws. */
export type Remote = (sending: Sending) => Promise<ServiceAnswer>;

/** @param principal who calls now: the name of the program is known once it said it */
export function remoteServer(broker: Broker, principal: () => Principal, connectionId: string): Remote {
  return async ({ timeoutMs = Number.POSITIVE_INFINITY, ...sending }) => {
    const send = () =>
      callService(broker, principal(), { ...sending, connectionId, path: '/', reserved: 'drop', timeoutMs });
    try {
      return await send();
    } catch (error) {
      const request = approvalOf(error);
      if (request === undefined || !(await isAnswered(broker, principal(), request, sending.signal))) throw error;
      return send();
    }
  };
}

/** Shows the request in the owner's browser and waits; true once there is an answer, whatever it is. */
async function isAnswered(
  broker: Broker,
  principal: Principal,
  { approvalId, askedAt }: AskedRequest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const url = await takeLink(broker, principal, approvalId, askedAt);
  // Nobody could be shown anything: the assistant has to tell the person, and can't while it waits.
  if (url !== null && !(await broker.pages.showLocally?.(url))) return false;
  return waitForAnswer(broker, principal, approvalId, waitSeconds, signal ? { signal } : {}, askedAt);
}
