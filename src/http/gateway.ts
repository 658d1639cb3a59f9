/**
 * The gateway: `ANY /proxy/{connectionId}/{path}` is the service of that connection, for programs. Keyward's bearer token
 * lets them in and goes no further; the secret goes in on the way. Both bodies stream, as fast as the slower side takes them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Broker, forRequest } from '../broker/broker.ts';
import { callService } from '../broker/calls/call-service.ts';
import { errorCodes, hasCode, KeywardError, toPublic } from '../errors.ts';
import type { Principal } from '../principal.ts';
import { commonHeaders } from './app.ts';
import { type Asked, askedBy } from './asked.ts';
import type { Bearer, Refusal } from './bearer.ts';
import { allowSlowBody, brokenOff } from './body-time.ts';
import { refreshed } from './fresh-keys.ts';
import { type Places, refusalOf } from './guards.ts';
import type { Limits } from './limits.ts';
import type { Noted } from './requests.ts';
import type { Direct, Exchange } from './server.ts';
import { type Answer, send } from './streamed.ts';

/** Answers of models take minutes, and their streams longer. */
const timeoutMs = 3_600_000;
const silenceMs = 600_000;
/** A body up to this size is read first: it can be sent again after a token was renewed. */
const maxRepeatable = 256 * 1024;
/** What a principal needs. */
const needed = 'credentials:use';
const prefix = '/proxy/';
const route = `${prefix}:connectionId/*`;

export type GatewayOptions = Places & {
  readonly broker: () => Broker;
  readonly bearer: Bearer;
  readonly limits: Limits;
  readonly requests: (asked: Asked) => Noted;
};

/**
 * Answers on Node's own objects, with the guards of the app: of all routes this is the one that is called most, and the
 * app's own way in and out would take as long as everything else that the gateway does.
 */
export function createGateway(options: GatewayOptions): Direct {
  const common = commonHeaders();
  return {
    takes: (url) => url.startsWith(prefix),
    async answer(exchange, last) {
      const asked = askedBy(exchange.incoming);
      const { client, requestId, answered } = options.requests(asked);
      const broker = forRequest(options.broker(), requestId);
      const answer = await answerTo({ ...options, broker }, exchange, asked, client.address).catch((error) =>
        failure(broker, exchange, error),
      );
      const own = { 'x-request-id': requestId, ...(last() && { connection: 'close' }) };
      answered(route, brokenOff(exchange) ?? answer.status);
      await send(exchange.outgoing, {
        ...answer,
        headers: [...answer.headers, ...(await common), ...Object.entries(own)],
      });
    },
  };
}

type Parts = Omit<GatewayOptions, 'broker' | 'requests'> & { readonly broker: Broker };

async function answerTo(parts: Parts, exchange: Exchange, asked: Asked, address: string): Promise<Answer> {
  const { broker } = parts;
  const { incoming, outgoing } = exchange;
  const principal = await admitted(parts, asked, address);
  if ('status' in principal) return principal;
  allowSlowBody(exchange);
  if (incoming.headers.upgrade !== undefined) throw upgrade();
  const { url = '', method = '' } = incoming;
  const connectionId = url.slice(prefix.length).split(/[/?]/, 1)[0] ?? '';
  const answer = await callService(broker, principal, {
    connectionId,
    method,
    path: pathOf(incoming, connectionId),
    headers: headersOf(incoming),
    reserved: 'drop',
    ...(await bodyOf(incoming)),
    signal: goneSignal(outgoing),
    timeoutMs,
    silenceMs,
  });
  const { status, headers, redirect } = answer;
  // A redirect below the base URL stays within the gateway.
  const moved = redirect === null ? [] : [['location', `${prefix}${connectionId}${redirect}`] as const];
  const bodiless = method === 'HEAD' || [204, 205, 304].includes(status);
  if (bodiless) await answer.discard();
  return {
    status,
    headers: [...headers, ...moved],
    body: bodiless ? null : answer.body,
    onCut: (error) => broker.log.warn('gateway.cut', { code: toPublic(error).code }),
  };
}

/** Who sends this, past all guards, or what is answered instead. */
async function admitted(parts: Parts, asked: Asked, address: string): Promise<Principal | Answer> {
  const { broker, bearer, limits } = parts;
  await limits.address(address);
  await refreshed(broker.vault);
  const refused = refusalOf(parts, asked);
  if (refused !== null) throw refused.error;
  const authorization = asked.header('authorization');
  try {
    const principal = await bearer.admit(authorization, address);
    if (principal.scopes.has(needed)) return principal;
    return refusal(await bearer.lacking(principal, 'credential.call', needed));
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    return refusal(bearer.refusal(error, authorization, [needed]));
  }
}

/** What the program wrote: a parsed URL has dot segments resolved that Keyward has to refuse. */
function pathOf({ url = '', headers }: IncomingMessage, connectionId: string): string {
  const own = `${prefix}${connectionId}`;
  if (!url.startsWith(`${own}/`) || url.includes(tokenOf(headers))) {
    throw new KeywardError('invalid_input', 'The path is not one of this connection.', {
      hint: 'Give /proxy/, the connection’s id, and the path below the service’s base URL, without Keyward’s token.',
    });
  }
  return url.slice(own.length);
}

/** Without those of this connection, and those that hold Keyward's token, which some clients send in several. */
function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const token = tokenOf(headers);
  const named = (headers.connection ?? '').toLowerCase().split(',');
  const kept = Object.entries(headers).flatMap(([name, values]) => {
    const value = [values ?? []].flat().join(', ');
    return value.includes(token) || named.some((one) => one.trim() === name) ? [] : [[name, value]];
  });
  return Object.fromEntries(kept);
}

/** The bearer check has seen that there is one. */
function tokenOf({ authorization = '' }: IncomingMessage['headers']): string {
  return authorization.replace(/^Bearer +/i, '').trim();
}

async function bodyOf(incoming: IncomingMessage) {
  const { 'content-length': length, 'transfer-encoding': chunked } = incoming.headers;
  if (chunked !== undefined || Number(length) > maxRepeatable) {
    return { body: incoming, ...(length === undefined ? {} : { bodyLength: Number(length) }) };
  }
  if (length === undefined || length === '0') return {};
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return { body: Buffer.concat(chunks) };
}

/** Fires when the program goes away before it has the whole answer: the service need not go on then. */
function goneSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort();
  });
  return controller.signal;
}

function failure({ log }: Broker, exchange: Exchange, error: unknown): Answer {
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
  return told(errorCodes[toPublic(error).code], headers, error);
}

function refusal({ status, headers, error }: Refusal): Answer {
  return told(status, headers, error);
}

/** JSON, as everywhere: `{ error: { code, message, hint } }`. */
function told(status: number, headers: Readonly<Record<string, string>>, error: unknown): Answer {
  const text = JSON.stringify({ error: toPublic(error) });
  const ours = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
  return { status, headers: Object.entries({ ...ours, ...headers }), body: text };
}

function upgrade(): KeywardError {
  return new KeywardError('invalid_input', 'WebSockets and other upgrades do not go through the gateway.', {
    hint: 'Use the HTTP interface of the service.',
  });
}
