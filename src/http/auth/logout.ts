/** Where the issuer says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0). */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { errors, jwtVerify } from 'jose';
import type { Broker } from '../../broker/broker.ts';
import { endVisitsOfIssuer, type Logout } from '../../broker/sign-in/logout.ts';
import { KeywardError } from '../../errors.ts';
import type { Limits } from '../middleware/rate-limits.ts';
import type { RequestEnv } from '../request-env.ts';
import { algorithms, clockTolerance, createKeySource, issuerUnavailable, maxAhead } from './issuer-tokens.ts';

type Options = {
  readonly broker: Broker;
  readonly issuer: string;
  /** Keyward's client there: whom a logout token is for. */
  readonly clientId: string;
  readonly limits: Pick<Limits, 'badBearer'>;
};

/** What is registered at the issuer as `backchannel_logout_uri`, below the public URL. */
const logoutPath = '/oauth/backchannel-logout';

const event = 'http://schemas.openid.net/event/backchannel-logout';
/** No token is remembered for longer; nobody needs one that lasts a day. */
const maxLifetimeSeconds = 86_400;

export function logoutRoutes({ broker, issuer, clientId, limits }: Options): Hono<RequestEnv> {
  const routes = new Hono<RequestEnv>();
  const verify = createLogoutVerifier(broker.egress, issuer, clientId);
  const refuse = { error: 'invalid_request', error_description: 'This is no logout token for this Keyward.' };
  const limit = bodyLimit({ maxSize: 64 * 1024, onError: (c) => c.json(refuse, 400) });
  routes.post(logoutPath, limit, async (c) => {
    c.header('Cache-Control', 'no-store');
    const given = new URLSearchParams(await c.req.text()).getAll('logout_token');
    const logout = given.length === 1 ? await verify(given[0] ?? '') : null;
    if (logout === null) {
      await limits.badBearer(c.var.client.address);
      return c.json(refuse, 400);
    }
    await endVisitsOfIssuer(broker, logout);
    return c.body(null, 200);
  });
  return routes;
}

/** What a logout token says (§2.4, §2.6); null for one that is not right, whatever the reason. */
function createLogoutVerifier(egress: Broker['egress'], issuer: string, audience: string) {
  const keys = createKeySource(egress, issuer);
  return async (token: string): Promise<Logout | null> => {
    const { find } = await keys();
    try {
      const { payload, protectedHeader } = await jwtVerify(token, find, {
        issuer,
        audience,
        algorithms,
        clockTolerance,
        requiredClaims: ['exp', 'iat', 'jti', 'events'],
      });
      const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, '');
      // Its own type, or one that says nothing: an access token is none.
      if (type !== undefined && type !== 'jwt' && type !== 'logout+jwt') return null;
      const { sub, sid, jti, events, iat = 0, exp = 0 } = payload;
      if ('nonce' in payload || !isEvent(events) || typeof jti !== 'string') return null;
      if (iat > Date.now() / 1_000 + maxAhead || exp - iat > maxLifetimeSeconds) return null;
      const [subject, session] = [textOf(sub), textOf(sid)];
      if (subject === undefined || session === undefined || (subject === null && session === null)) return null;
      const latest = (seconds: number) => (seconds + clockTolerance) * 1_000;
      return { issuer, subject, session, tokenId: jti, signedInBy: latest(iat), endsAt: latest(exp) };
    } catch (error) {
      if (error instanceof KeywardError) throw error;
      if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) throw issuerUnavailable();
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  };
}

function isEvent(events: unknown): boolean {
  if (typeof events !== 'object' || events === null) return false;
  const member = (events as Record<string, unknown>)[event];
  return typeof member === 'object' && member !== null;
}

/** Null for one that is not there, undefined for one that is no text. */
function textOf(claim: unknown): string | null | undefined {
  if (claim === undefined) return null;
  return typeof claim === 'string' && claim !== '' ? claim : undefined;
}
