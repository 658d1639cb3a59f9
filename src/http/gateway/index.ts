/**
 * The gateway: `ANY /proxy/{connectionId}/{path}` is the service of that connection, for programs. Keyward's bearer token
 * lets them in and goes no further; the secret goes in on the way. Both bodies stream, as fast as the slower side takes them.
 */
import type { IncomingMessage } from 'node:http';
import { type Broker, forRequest } from '../../broker/broker.ts';
import { callService } from '../../broker/calls/call-service.ts';
import { idMeant } from '../../broker/credentials/meant.ts';
import { actingFor } from '../../broker/policy/policy.ts';
import { errorCodes, hasCode, KeywardError, toPublic } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import { inAddresses } from '../addresses.ts';
import type { Bearer, Refusal } from '../auth/bearer.ts';
import { allowSlowBody, brokenOff } from '../listener/body-timeout.ts';
import { goneSignal, type NodeResponse, sendResponse, whenOver } from '../listener/node-response.ts';
import { headOfNode, type RequestHead, readIdentity, userHeader } from '../listener/request-head.ts';
import type { Direct, Exchange } from '../listener/server.ts';
import { commonHeaders } from '../middleware/app.ts';
import { refreshed } from '../middleware/fresh-keys.ts';
import { checkOrigin, type OwnAddresses } from '../middleware/origin-guard.ts';
import type { RequestLogEntry } from '../middleware/request-log.ts';
import { prefix, readCall } from './request.ts';
import { endWithToken } from './token-end.ts';

/** Answers of models take minutes, and their streams longer. */
const timeoutMs = 3_600_000;
const silenceMs = 600_000;
/** What a principal needs. */
const needed = 'credentials:use';
const route = `${prefix}:connectionId/*`;

type GatewayOptions = OwnAddresses & {
  readonly broker: Broker;
  readonly bearer: Bearer;
  readonly requests: (asked: RequestHead) => RequestLogEntry;
};

/**
 * Answers on Node's own objects, with the guards of the app: of all routes this is the one that is called most, and the
 * app's own way in and out would take as long as everything else that the gateway does.
 */
export function createGateway(options: GatewayOptions): Direct {
  const common = commonHeaders();
  return {
    takes: ({ url = '' }) => url.startsWith(prefix),
    async answer(exchange, last) {
      const asked = headOfNode(exchange.incoming);
      const noted = options.requests(asked);
      const { requestId, answered } = noted;
      const broker = forRequest(options.broker, requestId);
      const answer = await answerTo({ ...options, broker, noted }, exchange, asked).catch((error) =>
        failure(broker, exchange, error),
      );
      const own = { 'x-request-id': requestId, ...(last() && { connection: 'close' }) };
      answered(route, brokenOff(exchange) ?? answer.status);
      await sendResponse(exchange.outgoing, {
        ...answer,
        headers: [...answer.headers, ...(await common), ...Object.entries(own)],
      });
    },
  };
}

type Parts = Omit<GatewayOptions, 'broker' | 'requests'> & { readonly broker: Broker; readonly noted: RequestLogEntry };

async function answerTo(parts: Parts, exchange: Exchange, asked: RequestHead): Promise<NodeResponse> {
  const { broker } = parts;
  const { incoming, outgoing } = exchange;
  const principal = await admitted(parts, asked);
  if ('status' in principal) return principal;
  allowSlowBody(exchange);
  const signal = goneSignal(outgoing);
  const owner = await actingFor(broker, principal, readIdentity(asked, userHeader), userHeader);
  // Until its answer is sent, or its program has gone. Of what waits for its turn nothing is read. However many users a
  // program acts for, it has its own turns and no more.
  const { streams, listeners } = broker.underWay;
  const listening = listens(incoming);
  whenOver(outgoing, await (listening ? listeners : streams).take(principal, signal));
  const { segment, word, ...call } = await readCall(incoming);
  const answer = await callService(broker, owner, {
    ...call,
    connectionId: await idMeant(broker, owner, word),
    reserved: 'drop',
    unattended: true,
    signal,
    ...(listening ? { timeoutMs: Number.POSITIVE_INFINITY } : { timeoutMs, silenceMs }),
  });
  if (listening) endWithToken(broker, parts.bearer, asked.header('authorization'), outgoing);
  const { status, headers, redirect } = answer;
  // A redirect below the base URL stays within the gateway.
  const moved = redirect === null ? [] : [['location', `${prefix}${segment}${redirect}`] as const];
  const bodiless = call.method === 'HEAD' || [204, 205, 304].includes(status);
  if (bodiless) await answer.discard();
  return {
    status,
    headers: [...headers, ...moved],
    body: bodiless ? null : answer.body,
    onCut: (error) => {
      const { code } = toPublic(error);
      // The program has closed its side. That is how a stream of events, such as that of an MCP session, ends.
      if (code !== 'cancelled') broker.log.warn('gateway.cut', { code });
    },
  };
}

/**
 * A stream of events stays open as long as its connection, however long nothing happens (WHATWG HTML §9.2); so does what
 * listens to an MCP server (revision 2026-07-28, `subscriptions/listen`).
 */
function listens({ method, headers }: IncomingMessage): boolean {
  if (method === 'POST') return headers['mcp-method'] === 'subscriptions/listen';
  return method === 'GET' && /\btext\/event-stream\b/i.test(headers.accept ?? '');
}

/** Who sends this, past all guards, or what is answered instead. */
async function admitted(parts: Parts, asked: RequestHead): Promise<Principal | NodeResponse> {
  const { broker, bearer, noted } = parts;
  await noted.admit();
  await refreshed(broker.vault);
  const refused = checkOrigin(parts, asked);
  if (refused !== null) throw refused.error;
  const authorization = asked.header('authorization');
  try {
    const principal = await bearer.admit(authorization, noted.client.address);
    if (principal.scopes.has(needed)) return principal;
    return refusal(await bearer.lacking(principal, 'credential.call', needed));
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    return refusal(bearer.refusal(error, authorization, { scopes: [needed] }));
  }
}

function failure({ log }: Broker, exchange: Exchange, error: unknown): NodeResponse {
  if (!(error instanceof KeywardError) && brokenOff(exchange) === null) {
    log.error('gateway.failed', { name: error instanceof Error ? error.name : typeof error });
  }
  const headers: Record<string, string> = {};
  if (
    hasCode(error, 'provider_unavailable', 'vault_busy', 'rate_limited') &&
    error.details.retryAfterSeconds !== undefined
  ) {
    headers['Retry-After'] = String(Math.ceil(error.details.retryAfterSeconds));
  }
  return errorResponse(errorCodes[toPublic(error).code], headers, error);
}

function refusal({ status, headers, error }: Refusal): NodeResponse {
  return errorResponse(status, headers, error);
}

/** JSON, as everywhere: `{ error: { code, message, hint } }`. */
function errorResponse(status: number, headers: Readonly<Record<string, string>>, error: unknown): NodeResponse {
  const { message, hint, ...shown } = toPublic(error);
  const worded = { ...shown, message: inAddresses(message), ...(hint !== undefined && { hint: inAddresses(hint) }) };
  const text = JSON.stringify({ error: worded });
  const ours = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
  return { status, headers: Object.entries({ ...ours, ...headers }), body: text };
}
