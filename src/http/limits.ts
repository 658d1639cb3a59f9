/** How much one caller may ask for. Counted in this process, by fixed minutes. */
import type { MiddlewareHandler } from 'hono';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { errorCodes, hasCode, KeywardError, toPublic } from '../errors.ts';
import type { Owner } from '../principal.ts';
import { networkOf } from './client-address.ts';
import { errorPage } from './page.ts';
import type { RequestEnv } from './requests.ts';

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
export function createLimits(perMinute: number): Limits {
  const counter = (points: number) => new RateLimiterMemory({ points, duration: 60 });
  const addresses = counter(perMinute * addressFactor);
  const badBearers = counter(Math.min(badBearersPerMinute, perMinute));
  const wrongCodes = counter(Math.min(wrongCodesPerMinute, perMinute));
  const principals = counter(perMinute);
  return {
    address: (address) => count(addresses, networkOf(address)),
    badBearer: (address) => count(badBearers, networkOf(address)),
    wrongCode: (address) => count(wrongCodes, networkOf(address)),
    principal: ({ tenant, user }) => count(principals, JSON.stringify([tenant, user])),
  };
}

/** Turns an address away that asks too much, before anything else looks at the request. */
export function limitAddresses(limits: Limits): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    try {
      await limits.address(c.var.client.address);
    } catch (error) {
      if (!hasCode(error, 'rate_limited')) throw error;
      c.header('Retry-After', String(error.details.retryAfterSeconds));
      const shown = toPublic(error);
      return c.req.header('accept')?.includes('text/html')
        ? c.html(errorPage('Too many requests', shown), errorCodes.rate_limited)
        : c.json({ error: shown }, errorCodes.rate_limited);
    }
    return next();
  };
}

async function count(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refusal) {
    const retryAfterSeconds = Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1_000));
    throw new KeywardError('rate_limited', 'That were too many requests.', {
      hint: `Try again in ${retryAfterSeconds} s.`,
      details: { retryAfterSeconds },
    });
  }
}
