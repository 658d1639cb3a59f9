/** HTTP mode: MCP, REST, and the pages where they may be shown, as one app, and the gateway beside it. */
import type { Hono, MiddlewareHandler } from 'hono';
import type { Broker } from '../broker/broker.ts';
import { createIssuerSignIn } from '../broker/sign-in/issuer.ts';
import { relyingPartyAt } from '../broker/sign-in/webauthn.ts';
import { type Bearer, createBearer } from './auth/bearer.ts';
import type { IssuerSettings } from './auth/issuer-tokens.ts';
import { logoutRoutes } from './auth/logout.ts';
import { authorizationRoutes } from './authorization/index.ts';
import { metadataRoutes } from './authorization/metadata.ts';
import { createGateway } from './gateway/index.ts';
import { createClientAddress } from './listener/client-address.ts';
import {
  type ConnectionRefusals,
  logConnectionRefusals,
  type OnConnectionRefusal,
} from './listener/connection-refusals.ts';
import type { ConnectionLimits } from './listener/connections.ts';
import type { Direct } from './listener/server.ts';
import { createMcpDoor } from './mcp/door.ts';
import type { Protocol } from './mcp/request.ts';
import { mcpRoutes } from './mcp/routes.ts';
import { createApp } from './middleware/app.ts';
import { freshKeys } from './middleware/fresh-keys.ts';
import { createLimits, limitAddresses } from './middleware/rate-limits.ts';
import { aroundRequests, createRequestLog } from './middleware/request-log.ts';
import { createCounters } from './middleware/shared-counters.ts';
import { healthRoutes, probePaths } from './ops/health.ts';
import { type Metrics, metricsPath, metricsRoutes } from './ops/metrics.ts';
import { approvalRoutes } from './pages/approvals/routes.ts';
import { callbackRoutes } from './pages/connect/callback.ts';
import { connectRoutes } from './pages/connect/routes.ts';
import { createDesk } from './pages/home/desk.ts';
import { homeRoutes } from './pages/home/index.ts';
import { createNavigation } from './pages/home/navigation.ts';
import { type SignInOptions, signIn } from './pages/sign-in/index.ts';
import { issuerCallbackPath } from './pages/sign-in/issuer.ts';
import { createAudience } from './rest/audience.ts';
import { familyBody } from './rest/errors.ts';
import { operations, restRoutes } from './rest/index.ts';
import type { RestBearer } from './rest/operation.ts';

type ServiceOptions = {
  readonly broker: Broker;
  readonly protocol: Protocol;
  /** Origin that clients and browsers reach this app at. */
  readonly publicUrl: string;
  /** Further values of the Host header that are served. */
  readonly hosts: readonly string[];
  readonly issuer: IssuerSettings | null;
  /** Whose tokens are accepted besides; nobody signs in to the pages there. */
  readonly issuers?: readonly IssuerSettings[];
  /** Keyward's client at the issuer, for signing people in to the pages; null: with a code only. */
  readonly signIn: { readonly clientId: string; readonly clientSecret: string | null } | null;
  readonly metrics: Metrics;
  /** Addresses and ranges of the proxies whose forwarded headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Requests that one principal may make in a minute. */
  readonly rateLimit: number;
  /** Connections that one address may hold at once. */
  readonly maxConnections: number;
};

/** The app, and what is answered beside it. */
type Service = {
  readonly app: Hono;
  readonly direct: readonly Direct[];
  readonly refusals: ConnectionRefusals;
  readonly connections: ConnectionLimits;
};

export function createService(options: ServiceOptions): Service {
  const { broker, protocol, publicUrl, hosts, issuer, issuers = [], metrics } = options;
  const origin = new URL(publicUrl);
  const local = hosts.map((host) => `http://${host}`);
  const { log, vault } = broker;
  const clientOf = createClientAddress(options.trustedProxies);
  const limits = createLimits(options.rateLimit, createCounters(vault.countTogether, log));
  const places = { hosts: [origin.host, ...hosts], origins: [publicUrl, ...local] };
  const refusals = logConnectionRefusals(log);
  const requests = createRequestLog({ log, metrics, clientOf, limits, refusals, quiet: [...probePaths, metricsPath] });
  const app = createApp({
    ...places,
    anyHost: probePaths,
    around: [aroundRequests(requests), limitAddresses(probePaths), freshKeys(vault, probePaths)],
    audience: createAudience(operations),
    log,
  });
  const resource = `${publicUrl}/mcp`;
  const bearer = createBearer({ broker, issuer, issuers, resource, limits });
  app.route(
    '/',
    healthRoutes(() => broker.vault.ping()),
  );
  app.route('/', metricsRoutes({ bearer, metrics }));
  app.route('/', mcpRoutes({ broker, bearer, protocol }));
  app.route('/', restRoutes({ broker, bearer: bearerOfRest(bearer), publicUrl }));
  app.route('/', metadataRoutes(resource, issuer?.issuer ?? null));
  const secure = origin.protocol === 'https:';
  // With an issuer, who is there is the issuer's to say.
  const passkeys = issuer === null ? relyingPartyAt(publicUrl) : null;
  const navigation = createNavigation(broker, passkeys !== null);
  const { routes, visitor } = signIn({
    broker,
    secure,
    issuer: issuerSignIn(options),
    passkeys: passkeys && { rp: passkeys, navigation: (owner) => navigation(owner, '/passkeys') },
    limits,
  });
  app.route('/', routes);
  const home = { broker, secure, visitor, passkeys: passkeys !== null };
  const desk = createDesk(home);
  app.route('/', homeRoutes({ ...home, mcpUrl: `${publicUrl}/mcp` }));
  app.route('/', connectRoutes({ broker, secure, place: `encrypted in the vault of ${origin.host}`, visitor }));
  app.route('/', approvalRoutes({ broker, secure, visitor, desk }));
  const underName = underPublicName(origin);
  if (issuer === null) app.route('/', authorizationRoutes({ broker, resource, secure, visitor, limits, underName }));
  if (issuer !== null && options.signIn !== null) {
    const { clientId } = options.signIn;
    app.route('/', logoutRoutes({ broker, issuer: issuer.issuer, clientId, limits }));
  }
  app.get('/oauth/callback/:connectorId?', underName);
  app.route('/', callbackRoutes({ broker, secure, pages: publicUrl, visitor }));
  const note: OnConnectionRefusal = (refused) => {
    metrics.refused(refused.status);
    refusals.note(refused);
  };
  return {
    app,
    direct: [
      createMcpDoor({ ...places, broker, bearer, protocol, requests }),
      createGateway({ ...places, broker, bearer, requests }),
    ],
    refusals: { ...refusals, note },
    connections: { perAddress: options.maxConnections, clientOf },
  };
}

/**
 * A service that registers `localhost` sends the browser there, where it is not signed in: its cookies are those of the
 * public name.
 */
function underPublicName(origin: URL): MiddlewareHandler {
  return async (c, next) => {
    if (c.req.header('host') === origin.host) return next();
    const { pathname, search } = new URL(c.req.url);
    return c.redirect(new URL(`${pathname}${search}`, origin).href, 303);
  };
}

/** Signing in at the issuer, where there is one and Keyward has a client there. */
function issuerSignIn({ broker, publicUrl, issuer, signIn: client }: ServiceOptions): SignInOptions['issuer'] {
  if (issuer === null || client === null) return null;
  const redirectUri = `${publicUrl}${issuerCallbackPath}`;
  return { signIn: createIssuerSignIn(broker, issuer, { ...client, redirectUri }), publicUrl };
}

/** Refusals in the words of each documented interface. PathStack tells a malformed token from a wrong one. */
function bearerOfRest({ middleware, challengeScope }: Bearer): RestBearer {
  return {
    challengeScope,
    middleware: ({ family, scope }) =>
      middleware({ scopes: [scope], ...(family === 'pathstack' && { malformedIs: 400 }) }, ({ status, error }) => {
        const message = family === 'pathstack' && status === 401 ? noToken : error.message;
        return familyBody(family, status, { message });
      }),
  };
}

/** As PathStack documents it. */
const noToken = 'Authentication header is missing, or token is invalid/expired.';
