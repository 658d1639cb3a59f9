/** How much one caller may ask for, by fixed minutes. */
import type { MiddlewareHandler } from 'hono';
import type { Owner } from '../../principal.ts';
import { networkOf } from '../listener/client-address.ts';
import type { RequestEnv } from '../request-env.ts';
import type { Counter } from './shared-counters.ts';

export type Limits = {
  /** One request from this address. All of them throw `rate_limited` with `retryAfterSeconds`. */
  address(address: string): Promise<void>;
  /** One request with a bearer token that is not good. Good ones are never refused for these. */
  badBearer(address: string): Promise<void>;
  /** One sign-in code that is not good. Good ones are never refused for these. */
  wrongCode(address: string): Promise<void>;
  /** One request of this principal. */
  principal(principal: Owner): Promise<void>;
};

/** Many people share an address: an office, a backend with all its users. */
const addressFactor = 10;
const badBearersPerMinute = 60;
const wrongCodesPerMinute = 20;

/** @param perMinute requests that one principal may make in a minute */
export function createLimits(perMinute: number, counter: (name: string, perMinute: number) => Counter): Limits {
  const addresses = counter('address', perMinute * addressFactor);
  const badBearers = counter('bad-bearer', Math.min(badBearersPerMinute, perMinute));
  const wrongCodes = counter('wrong-code', Math.min(wrongCodesPerMinute, perMinute));
  const principals = counter('principal', perMinute);
  return {
    address: (address) => addresses(networkOf(address)),
    badBearer: (address) => badBearers(networkOf(address)),
    wrongCode: (address) => wrongCodes(networkOf(address)),
    principal: ({ tenant, user }) => principals(JSON.stringify([tenant, user])),
  };
}

/** Turns an address away that asks too much, before anything else looks at the request; for these paths it is not counted. */
export function limitAddresses(except: readonly string[]): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    if (except.includes(c.req.path)) return next();
    await c.get('admit')();
    return next();
  };
}
