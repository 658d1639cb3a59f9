/**
 * `POST /mcp` on Node's own objects, with the guards of the app: it comes with every word of an assistant, and the app's
 * own way in and out would take as long as most tools do.
 */
import { getRequestListener } from '@hono/node-server';
import { KeywardError } from '../../errors.ts';
import { type Principal, usualScopes } from '../../principal.ts';
import { brokenOff } from '../listener/body-timeout.ts';
import { abortResponse, whenOver } from '../listener/node-response.ts';
import { headOfNode, type RequestHead } from '../listener/request-head.ts';
import type { Direct, Exchange } from '../listener/server.ts';
import { commonHeaders, failureOf, logFailure } from '../middleware/app.ts';
import { refreshed } from '../middleware/fresh-keys.ts';
import { checkOrigin, type OwnAddresses } from '../middleware/origin-guard.ts';
import type { RequestLogEntry } from '../middleware/request-log.ts';
import { answerCall, type RunCall } from './call-answer.ts';
import { type Asked, type McpParts, paths, type Refused, readRequest, refusedBy, withAccept } from './request.ts';

type DoorOptions = OwnAddresses & McpParts & { readonly requests: (asked: RequestHead) => RequestLogEntry };

/**
 * The door for what programs send. What the app would refuse for where it comes from, or show to a person as a page, is
 * left to the app.
 */
export function createMcpDoor(options: DoorOptions): Direct {
  const common = commonHeaders().then((headers) => Object.fromEntries(headers));
  return {
    takes: (incoming) => {
      const { method, url = '', headers } = incoming;
      if (method !== 'POST' || !paths.includes(url) || headers.accept?.includes('text/html')) return false;
      return checkOrigin(options, headOfNode(incoming)) === null;
    },
    async answer(exchange, last) {
      const { incoming, outgoing } = exchange;
      const head = headOfNode(incoming);
      const entry = options.requests(head);
      const fail = (error: unknown) => refusedFor(options, exchange, entry, error);
      const headers: Record<string, string> = { ...(await common), 'x-request-id': entry.requestId };
      const begin = (status: number) => {
        if (last()) headers.connection = 'close';
        entry.answered(incoming.url ?? '', brokenOff(exchange) ?? status);
        return headers;
      };
      let asked = await askedBy(options, head, exchange, entry).catch(fail);
      const call = callIn(options, head, asked);
      if (call !== null) {
        try {
          return await answerCall(outgoing, call, begin);
        } catch (error) {
          asked = fail(error);
          if (outgoing.headersSent) return abortResponse(outgoing);
        }
      }
      await getRequestListener(async (request) => {
        const response = await respond(options, request, asked);
        for (const [name, value] of Object.entries(begin(response.status))) response.headers.set(name, value);
        return response;
      })(incoming, outgoing);
    },
  };
}

/** What is asked, past all guards. */
async function askedBy(
  options: DoorOptions,
  head: RequestHead,
  exchange: Exchange,
  entry: RequestLogEntry,
): Promise<Asked | Refused> {
  await entry.admit();
  await refreshed(options.broker.vault);
  const principal = await admitted(options, head.header('authorization'), exchange, entry);
  if ('status' in principal) return principal;
  return readRequest(options, head, exchange.incoming, { principal, requestId: entry.requestId });
}

/** Who sends this, in a turn that ends when the answer is sent: it may be a stream. */
async function admitted(
  { broker, bearer }: DoorOptions,
  authorization: string | undefined,
  { outgoing }: Exchange,
  { client }: RequestLogEntry,
): Promise<Principal | Refused> {
  try {
    const principal = await bearer.admit(authorization, client.address);
    whenOver(outgoing, await broker.underWay.requests.take(principal));
    return principal;
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    return refusedBy(bearer.refusal(error, authorization, { scopes: usualScopes }));
  }
}

/** The call that is asked, with its caller, if it needs no more than its answer. */
function callIn({ protocol }: DoorOptions, { header }: RequestHead, asked: Asked | Refused): RunCall | null {
  if ('status' in asked || asked.body === undefined) return null;
  const call = protocol.callIn(header, asked.body);
  return call && { streams: call.streams, run: (meanwhile) => call.run(asked.caller, meanwhile) };
}

function refusedFor(options: DoorOptions, exchange: Exchange, entry: RequestLogEntry, error: unknown): Refused {
  const { status, headers, shown } = failureOf(error);
  if (shown.code === 'internal' && brokenOff(exchange) === null) {
    logFailure(options.broker.log, error, exchange.incoming.url ?? '', entry.requestId);
  }
  return { status, headers, content: { error: shown } };
}

function respond({ protocol }: DoorOptions, request: Request, asked: Asked | Refused): Response | Promise<Response> {
  if (!('status' in asked)) return protocol.answer(withAccept(request), asked.body, asked.caller);
  return Response.json(asked.content, { status: asked.status, headers: { ...asked.headers } });
}
