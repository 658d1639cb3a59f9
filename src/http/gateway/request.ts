/** What a program asks of the service: the call, as it stands in the request. */
import type { IncomingMessage } from 'node:http';
import type { ServiceCall } from '../../broker/calls/call-service.ts';
import { KeywardError } from '../../errors.ts';
import { userHeader } from '../listener/request-head.ts';

/** What every path of the gateway begins with. */
export const prefix = '/proxy/';

/** A body up to this size is read first: it can be sent again after a token was renewed. */
const maxRepeatable = 256 * 1024;

type Asked = Pick<ServiceCall, 'method' | 'path' | 'headers' | 'body' | 'bodyLength'> & {
  /** What stands for the connection in the path, as it is written there. */
  readonly segment: string;
  /** The connection that is meant: an id, a name or a connector. */
  readonly word: string;
};

/**
 * The call. Keyward's own token, which the bearer check has seen, is in no part of it.
 *
 * @throws KeywardError `invalid_input` for an upgrade, and for a path that is not one of a connection
 */
export async function readCall(incoming: IncomingMessage): Promise<Asked> {
  if (incoming.headers.upgrade !== undefined) throw upgrade();
  const { url = '', method = '' } = incoming;
  const segment = url.slice(prefix.length).split(/[/?]/, 1)[0] ?? '';
  const path = pathOf(incoming, segment);
  const word = wordOf(segment);
  return { segment, word, method, path, headers: headersOf(incoming), ...(await bodyOf(incoming)) };
}

function wordOf(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw noConnection();
  }
}

/** What the program wrote: a parsed URL has dot segments resolved that Keyward has to refuse. */
function pathOf({ url = '', headers }: IncomingMessage, segment: string): string {
  const own = `${prefix}${segment}`;
  const path = url.slice(own.length);
  if (!/^($|[/?])/.test(path) || segment === '' || url.includes(tokenOf(headers))) {
    throw noConnection();
  }
  return path.startsWith('/') ? path : `/${path}`;
}

function noConnection(): KeywardError {
  return new KeywardError('invalid_input', 'The path is not one of this connection.', {
    hint: 'Give /proxy/, the connection’s id or its name, percent-encoded, and the path below the service’s base URL, without Keyward’s token.',
  });
}

/**
 * Drops hop-by-hop headers, the user whom Keyward has read already, and any that carry Keyward's token: some clients
 * send it in several.
 */
function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const token = tokenOf(headers);
  const named = (headers.connection ?? '').toLowerCase().split(',');
  const kept = Object.entries(headers).flatMap(([name, values]) => {
    const value = [values ?? []].flat().join(', ');
    return name === userHeader || value.includes(token) || named.some((one) => one.trim() === name)
      ? []
      : [[name, value]];
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

function upgrade(): KeywardError {
  return new KeywardError('invalid_input', 'WebSockets and other upgrades do not go through the gateway.', {
    hint: 'Use the HTTP interface of the service.',
  });
}
