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
  /** One program that registers itself. */
  registration(address: string): Promise<void>;
  /** One request for authorization, which waits for a person then. */
  authorization(address: string): Promise<void>;
  /** One metadata document of a client that is fetched for this address. */
  document(address: string): Promise<void>;
  /** One request for tokens, or to end them. */
  token(address: string): Promise<void>;
  /** One request of this principal. */
  principal(principal: Owner): Promise<void>;
  /** One request of this person's browsers. Programs are counted apart: none can keep its person from ending it. */
  page(person: Owner): Promise<void>;
};

/** Many people share an address: an office, a backend with all its users. */
const addressFactor = 10;
const badBearersPerMinute = 60;
const wrongCodesPerMinute = 20;
const registrationsPerMinute = 20;
const authorizationsPerMinute = 30;
const documentsPerMinute = 30;

/** @param perMinute requests that one principal may make in a minute */
export function createLimits(perMinute: number, counter: (name: string, perMinute: number) => Counter): Limits {
  const addresses = counter('address', perMinute * addressFactor);
  const badBearers = counter('bad-bearer', Math.min(badBearersPerMinute, perMinute));
  const wrongCodes = counter('wrong-code', Math.min(wrongCodesPerMinute, perMinute));
  const registrations = counter('registration', Math.min(registrationsPerMinute, perMinute));
  const authorizations = counter('authorization', Math.min(authorizationsPerMinute, perMinute));
  const documents = counter('document', Math.min(documentsPerMinute, perMinute));
  const tokens = counter('token', perMinute * addressFactor);
  const principals = counter('principal', perMinute);
  const pages = counter('page', perMinute);
  return {
    address: (address) => addresses(networkOf(address)),
    badBearer: (address) => badBearers(networkOf(address)),
    wrongCode: (address) => wrongCodes(networkOf(address)),
    registration: (address) => registrations(networkOf(address)),
    authorization: (address) => authorizations(networkOf(address)),
    document: (address) => documents(networkOf(address)),
    token: (address) => tokens(networkOf(address)),
    principal: (owner) => principals(nameOf(owner)),
    page: (person) => pages(nameOf(person)),
  };
}

function nameOf({ tenant, user }: Owner): string {
  return JSON.stringify([tenant, user]);
}

/** Turns an address away that asks too much, before anything else looks at the request; for these paths it is not counted. */
export function limitAddresses(except: readonly string[]): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    if (except.includes(c.req.path)) return next();
    await c.get('admit')();
    return next();
  };
}
