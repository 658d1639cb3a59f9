/**
 * A gateway for one program, for as long as it runs. Its token is in the memory of this process and nowhere else, so both
 * end with the process, however that ends.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Broker } from '../broker/broker.ts';
import { KeywardError } from '../errors.ts';
import type { Principal } from '../principal.ts';
import { type Bearer, createBearer } from './auth/bearer.ts';
import { createGateway } from './gateway/index.ts';
import { prefix } from './gateway/request.ts';
import { createClientAddress } from './listener/client-address.ts';
import { logConnectionRefusals } from './listener/connection-refusals.ts';
import { type Exchange, listen } from './listener/server.ts';
import { isOtherUsers } from './loopback/other-user.ts';
import { createRequestLog } from './middleware/request-log.ts';

type OwnGateway = {
  readonly token: string;
  /** What stands for the base URL of a connection's service. */
  baseUrl(connectionId: string): string;
  close(): Promise<void>;
};

const address = '127.0.0.1';
/** Answers under way at the end get so long: whoever waits for them has ended. */
const graceMs = 100;

/** One program of this user is not limited as strangers are; what it may have under way at once is. */
const unlimited = { address: async () => {}, badBearer: async () => {}, principal: async () => {} };

/** Opens a gateway for this principal, on a port of loopback that is free. */
export async function openOwnGateway(broker: Broker, principal: Principal): Promise<OwnGateway> {
  const token = `kwrun_${randomBytes(32).toString('base64url')}`;
  const authorization = `Bearer ${token}`;
  const refusals = logConnectionRefusals(broker.log);
  const requests = createRequestLog({
    log: broker.log,
    metrics: { request: () => {} },
    clientOf: createClientAddress([]),
    limits: unlimited,
    refusals,
    quiet: [],
  });
  // The port is part of every check, and is known only once it is held.
  const hosts: string[] = [];
  const bearer = bearerOf(broker, authorization, principal);
  const gateway = createGateway({ hosts, origins: [], broker, bearer, requests });
  const strangers = new WeakMap<Socket, Promise<boolean>>();
  const isStranger = (socket: Socket): Promise<boolean> => {
    const known = strangers.get(socket) ?? isOtherUsers(socket);
    strangers.set(socket, known);
    return known;
  };
  const direct = {
    // Whatever it is asked for, it has nothing but connections.
    takes: () => true,
    async answer(exchange: Exchange, last: () => boolean) {
      const { incoming, outgoing } = exchange;
      if (await isStranger(incoming.socket)) return void outgoing.writeHead(403, { connection: 'close' }).end();
      if (!gateway.takes(incoming)) return void outgoing.writeHead(404).end();
      if (carries(incoming.headers, token)) setAuthorization(incoming, authorization);
      return gateway.answer(exchange, last);
    },
  };
  const notFound = () => new Response(null, { status: 404 });
  const listener = await listen(notFound, [address], 0, { direct: [direct], refusals });
  hosts.push(`${address}:${listener.port}`);
  return {
    token,
    baseUrl: (connectionId) => `http://${address}:${listener.port}${prefix}${connectionId}`,
    close: () => listener.close(graceMs),
  };
}

/** Lets in whoever has this one token. */
function bearerOf(broker: Broker, authorization: string, principal: Principal): Bearer {
  const usual = createBearer({ broker, issuer: null, resource: null, limits: unlimited });
  const admit = async (given: string | undefined): Promise<Principal> => {
    if (isSame(given ?? '', authorization)) return principal;
    throw new KeywardError('unauthenticated', 'This needs the token that keyward run gave to its program.', {
      hint: 'Send Authorization: Bearer with the token in the variable whose name ends with _TOKEN.',
    });
  };
  return { ...usual, authenticate: admit, admit };
}

/** The form of a token, wherever it stands. */
const form = /kwrun_[\w-]{43}/;

/** True for headers that carry this token: libraries send a key where its service wants it. */
function carries(headers: IncomingHttpHeaders, token: string): boolean {
  const texts = Object.values(headers).flatMap((value) => value ?? []);
  const pairs = texts.flatMap((text) => /^Basic +(\S+)/i.exec(text)?.[1] ?? []);
  const all = [...texts, ...pairs.map((pair) => Buffer.from(pair, 'base64').toString('latin1'))];
  return all.some((text) => isSame(form.exec(text)?.[0] ?? '', token));
}

/** Puts it where the guards look for it, in place of any other. */
function setAuthorization(incoming: IncomingMessage, authorization: string): void {
  const { rawHeaders } = incoming;
  const others = rawHeaders.filter((_, at) => rawHeaders[at - (at % 2)]?.toLowerCase() !== 'authorization');
  incoming.headers.authorization = authorization;
  incoming.rawHeaders = [...others, 'authorization', authorization];
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
