/**
 * Which connections a listener holds. Each address has a number of places, and loses the one that has waited longest for a
 * request before it is refused another: silent connections take places from their own address alone.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { addressOf, type Client, networkOf } from './client-address.ts';
import { closeWith, type OnConnectionRefusal } from './connection-refusals.ts';
import { headOfNode, type RequestHead } from './request-head.ts';

/** All that a listener holds: each is a file and some memory; a thousand streams of models' answers are no attack. */
export const maxConnections = 4_000;
/** No address gets the last tenth, not even a proxy that speaks for many. */
const mostOfOne = 0.9 * maxConnections;

export type ConnectionLimits = {
  /** Connections that one address may hold; and through trusted proxies, requests that it may have under way. */
  readonly perAddress: number;
  /** Whose request it is. */
  readonly clientOf: (asked: Pick<RequestHead, 'peer' | 'header'>) => Client;
};

/** The limits of a listener that names none. */
export const usualLimits: ConnectionLimits = {
  perAddress: 200,
  clientOf: ({ peer }) => ({ address: addressOf({ remoteAddress: peer }), behindProxy: false }),
};

/**
 * The connections of one address. `idle` holds those without a request under way, the one that has waited longest
 * first.
 */
type Place = { held: number; readonly idle: Set<Socket> };
type Held = { readonly place: Place; underWay: number };

/**
 * Watches the connections of a server. Answers what every request has to pass: false when its address, named by a proxy,
 * has too many under way.
 */
export function limitConnections(
  server: Server,
  { perAddress, clientOf }: ConnectionLimits,
  onRefused: OnConnectionRefusal,
): (incoming: IncomingMessage, outgoing: ServerResponse) => boolean {
  const places = new Map<string, Place>();
  const known = new WeakMap<Socket, Held>();
  /** Requests under way through proxies, by the address that these name. */
  const forwarded = new Map<string, number>();
  let total = 0;
  // Full, Node refuses by itself; that is never so while an idle connection can be closed instead.
  server.maxConnections = maxConnections + 1;

  server.prependListener('connection', (socket: Socket) => {
    const address = addressOf(socket);
    const network = networkOf(address);
    const place = places.get(network) ?? { held: 0, idle: new Set<Socket>() };
    places.set(network, place);
    known.set(socket, { place, underWay: 0 });
    place.held += 1;
    total += 1;
    place.idle.add(socket);
    socket.once('close', () => {
      place.idle.delete(socket);
      place.held -= 1;
      total -= 1;
      if (place.held === 0) places.delete(network);
    });

    const { behindProxy } = clientOf({ peer: address, header: () => undefined });
    const limit = Math.min(behindProxy ? Number.POSITIVE_INFINITY : perAddress, mostOfOne);
    const crowded = place.held > limit ? place : total > maxConnections ? fullest() : undefined;
    if (crowded !== undefined) closeLongest(crowded, socket);
  });

  /** Closes the connection that has waited longest; a new one, where all others are at work, hears why. */
  function closeLongest({ idle }: Place, socket: Socket): void {
    const [longest = socket] = idle;
    onRefused({ status: null, reason: 'too_many_connections', address: addressOf(longest) });
    idle.delete(longest);
    if (longest === socket) closeWith(socket, 503);
    else longest.destroy();
  }

  /** The address that has most idle connections. */
  function fullest(): Place | undefined {
    let most: Place | undefined;
    for (const place of places.values()) if (place.idle.size > (most?.idle.size ?? 0)) most = place;
    return most;
  }

  /** Notes that a request is under way, until its answer is sent or its connection gone. */
  function begin(held: Held, socket: Socket, outgoing: ServerResponse): void {
    held.underWay += 1;
    held.place.idle.delete(socket);
    outgoing.once('close', () => {
      held.underWay -= 1;
      if (held.underWay === 0 && !socket.destroyed) held.place.idle.add(socket);
    });
  }

  return (incoming, outgoing) => {
    const { socket } = incoming;
    const held = known.get(socket);
    if (held !== undefined) begin(held, socket, outgoing);
    const client = clientOf(headOfNode(incoming));
    if (!client.behindProxy) return true;
    const network = networkOf(client.address);
    const underWay = forwarded.get(network) ?? 0;
    if (underWay >= perAddress) return false;
    forwarded.set(network, underWay + 1);
    outgoing.once('close', () => {
      const left = (forwarded.get(network) ?? 1) - 1;
      if (left === 0) forwarded.delete(network);
      else forwarded.set(network, left);
    });
    return true;
  };
}
