/**
 * Telling another Keyward of the same vault from a stranger on the callback's port: only who can open the vault can
 * answer a random challenge. The answer is bound to the very address and port, so a stranger can't pass the question
 * on to a Keyward that listens elsewhere.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import type { Broker } from '../../broker/broker.ts';
import { KeywardError } from '../../errors.ts';
import { hostInUrl } from '../../hosts.ts';

/** Keyed digest under the newest key of the vault, hexadecimal. */
export type Proof = (purpose: string, message: string) => Promise<string>;

const path = '/.well-known/keyward-challenge';
const noncePattern = /^[A-Za-z0-9_-]{43}$/;

/** `GET /.well-known/keyward-challenge?nonce=…` answers the proof. */
export function challengeRoute(proof: Proof): Hono<{ Bindings: HttpBindings }> {
  const routes = new Hono<{ Bindings: HttpBindings }>();
  routes.get(path, async (c) => {
    const nonce = c.req.query('nonce') ?? '';
    if (!noncePattern.test(nonce)) return c.text('The nonce has to be 32 bytes in base64url.', 400);
    const { localAddress = '', localPort = 0 } = c.env.incoming.socket;
    return c.text(await prove(proof, localAddress, localPort, nonce), 200, { Connection: 'close' });
  });
  return routes;
}

/** Who holds the port: a Keyward of this vault, somebody else, or nobody any more. */
export async function identify(
  egress: Broker['egress'],
  proof: Proof,
  address: string,
  port: number,
): Promise<'sibling' | 'stranger' | 'nobody'> {
  const nonce = randomBytes(32).toString('base64url');
  const host = hostAndPort(address, port);
  try {
    const answer = await egress.request({
      url: new URL(`http://${host}${path}?nonce=${nonce}`),
      hosts: [host],
      timeoutMs: 3_000,
      maxBytes: 1_024,
    });
    const expected = Buffer.from(await prove(proof, address, port, nonce));
    const given = Buffer.from(answer.body);
    return given.length === expected.length && timingSafeEqual(given, expected) ? 'sibling' : 'stranger';
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    const unreachable = error.code === 'provider_unavailable' && error.details.ambiguous !== true;
    return unreachable ? 'nobody' : 'stranger';
  }
}

/** `127.0.0.1:7355`, `[::1]:7355`. */
export function hostAndPort(address: string, port: number): string {
  return `${hostInUrl(address)}:${port}`;
}

function prove(proof: Proof, address: string, port: number, nonce: string): Promise<string> {
  return proof('callback-port', `${hostAndPort(address, port)} ${nonce}`);
}
