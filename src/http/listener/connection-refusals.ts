/**
 * What is turned away before it is a request: bytes that are no HTTP, headers that are too long, too many or too late,
 * connections past the limit. No route sees them, so they are answered and logged here. One sender can send millions of
 * them, so repeats are counted.
 */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../../log.ts';
import { countRepeats, type Repeated } from '../../repeats.ts';
import { addressOf } from './client-address.ts';
import { abortResponse } from './node-response.ts';

export type ConnectionRefusal = {
  /** What was answered; null for a connection that was closed without a word. */
  readonly status: number | null;
  /** A code of Node's or of this file. Nothing in it comes from the sender. */
  readonly reason: string;
  /** The other end of the connection, in normal form; empty when it is gone already. */
  readonly address: string;
};

/** Called once for each refusal. */
export type OnConnectionRefusal = (refused: ConnectionRefusal) => void;

/** Where refusals are logged. */
export type ConnectionRefusals = {
  readonly note: OnConnectionRefusal;
  /** Logs what was only counted so far. */
  flush(): void;
};

/** Refusals of one status within this time become one further line with a count. */
const windowMs = 60_000;
/** More than there are. */
const maxStatuses = 1_000;

/** Logs what was refused in numbers: at most two lines a minute for each status, however many there are. */
export function logConnectionRefusals(log: Log): ConnectionRefusals {
  const repeats = countRepeats<ConnectionRefusal>(Number.POSITIVE_INFINITY, maxStatuses);
  const write = (refused: ConnectionRefusal, count: number) => log.warn('request_refused', { ...refused, count });
  const writeCounted = (counted: readonly Repeated<ConnectionRefusal>[]) => {
    for (const { latest, count } of counted) write(latest, count);
  };
  return {
    note(refused) {
      const status = `${refused.status}`;
      const over = repeats.note(status, refused);
      if (over === null) return;
      writeCounted(over);
      setTimeout(() => writeCounted(repeats.end(status)), windowMs).unref();
      write(refused, 1);
    },
    flush: () => writeCounted(repeats.endAll()),
  };
}

/** Answers what could be read and is refused all the same, and closes the connection. */
export function refuseRequest(
  outgoing: ServerResponse,
  status: number,
  reason: string,
  onRefused: OnConnectionRefusal,
): void {
  onRefused({ status, reason, address: addressOf(outgoing.req.socket) });
  outgoing.writeHead(status, { Connection: 'close', 'Content-Length': 0 }).end();
}

/** Answers with a status where there is no request, and closes the connection. */
export function closeWith(socket: Socket, status: number): void {
  if (socket.writable) {
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }
  socket.destroySoon();
}

/** Logs what Node refuses on its own, and answers as Node would. */
export function refuseAtConnection(server: Server, onRefused: OnConnectionRefusal): void {
  /** The request that this connection had last, which reports on itself until it is answered. */
  const requests = new WeakMap<Socket, ServerResponse>();
  server.prependListener('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    requests.set(incoming.socket, outgoing);
  });
  const unasked = (socket: Socket, status: number | null, reason: string) =>
    onRefused({ status, reason, address: addressOf(socket) });

  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    const { code = '' } = error;
    const current = requests.get(socket);
    const underWay = current !== undefined && !current.writableFinished;
    if (!isRefusal(code)) return socket.destroy();
    // There is nothing to say any more.
    if (underWay && current.headersSent) return abortResponse(current);
    const status = statuses[code] ?? 400;
    if (!underWay) unasked(socket, status, code);
    closeWith(socket, status);
  });
  server.on('checkExpectation', (_incoming, outgoing) =>
    refuseRequest(outgoing, 417, 'unknown_expectation', onRefused),
  );
  server.on('connect', (_incoming, stream) => {
    const socket = stream as Socket;
    unasked(socket, 501, 'no_proxy');
    closeWith(socket, 501);
  });
  server.on('drop', (data) => {
    onRefused({ status: null, reason: 'too_many_connections', address: addressOf(data ?? {}) });
  });
}

/** What Node's parser and its clocks say. Any other code, and that one of the parser's, says that the other end has gone. */
function isRefusal(code: string): boolean {
  return (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE') || code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
