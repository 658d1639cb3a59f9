/**
 * Keyward's own authorization server, where no issuer is configured. The library answers on Node's own objects; the guards
 * of the app come before it. It is loaded with the first request that needs it.
 */
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Broker } from '../../broker/broker.ts';
import { hasCode } from '../../errors.ts';
import { commonHeaders } from '../middleware/app.ts';
import type { Limits } from '../middleware/rate-limits.ts';
import type { SignIn } from '../pages/sign-in/index.ts';
import type { RequestEnv } from '../request-env.ts';
import { consentRoutes, requireSameVisit } from './consent.ts';
import { exchangeRoute, tokenBodyLimit } from './exchange.ts';
import { paths } from './paths.ts';
import type { ProviderOptions } from './provider.ts';

type Options = {
  readonly broker: Broker;
  /** What tokens are for: the address of the MCP endpoint. */
  readonly resource: string;
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  readonly visitor: SignIn['visitor'];
  readonly limits: Pick<Limits, 'registration' | 'authorization' | 'document' | 'token' | 'badBearer' | 'principal'>;
  /** Sends a browser that came under another name to the public one. */
  readonly underName: MiddlewareHandler;
};

export function authorizationRoutes(options: Options): Hono<RequestEnv> {
  const { broker, resource, secure, visitor, limits, underName } = options;
  const { origin, host } = new URL(resource);
  const routes = new Hono<RequestEnv>();
  const common = commonHeaders();
  let loaded: Promise<Loaded> | undefined;
  const load = () => {
    loaded ??= loadServer({ broker, publicUrl: origin, resource, countDocument: limits.document });
    return loaded;
  };

  const answer = async (c: Context<RequestEnv>): Promise<Response> => {
    const { incoming, outgoing } = c.env as unknown as HttpBindings;
    const { callback } = await load();
    // The library takes its own address from these, whatever a proxy or a client says.
    const { headers } = incoming;
    delete headers.forwarded;
    headers['x-forwarded-for'] = c.var.client.address;
    headers['x-forwarded-proto'] = secure ? 'https' : 'http';
    headers['x-forwarded-host'] = host;
    for (const [name, value] of await common) outgoing.setHeader(name, value);
    outgoing.setHeader('x-request-id', c.var.requestId);
    await callback(incoming, outgoing);
    return alreadySent(outgoing.statusCode);
  };

  /** A program reads why it is turned away. */
  const counted =
    (count: (address: string) => Promise<void>): MiddlewareHandler<RequestEnv> =>
    async (c, next) => {
      try {
        await count(c.var.client.address);
      } catch (error) {
        if (!hasCode(error, 'rate_limited')) throw error;
        c.header('Retry-After', String(error.details.retryAfterSeconds));
        return c.json({ error: 'temporarily_unavailable', error_description: error.message }, 429);
      }
      return next();
    };
  const countRequest: MiddlewareHandler<RequestEnv> = async (c, next) => {
    await limits.authorization(c.var.client.address);
    return next();
  };

  routes.get(paths.authorize, underName, countRequest, answer);
  const consent = { broker, secure, visitor, provider: async () => (await load()).provider };
  routes.get(`${paths.authorize}/:uid`, underName, requireSameVisit(consent), answer);
  routes.post(paths.register, counted(limits.registration), answer);
  routes.post(paths.token, counted(limits.token), tokenBodyLimit, exchangeRoute({ broker, resource, limits }), answer);
  routes.post(paths.revoke, counted(limits.token), answer);
  routes.route('/', consentRoutes(consent));
  return routes;
}

/** Tells the listener that nothing is to be sent any more, and the log which status was. */
function alreadySent(status: number): Response {
  const response = new Response(null, { status, headers: { 'x-hono-already-sent': 'true' } });
  // The listener has a shortcut for answers that nobody looked into, and on it this header is not seen.
  void response.body;
  return response;
}

type Loaded = Awaited<ReturnType<typeof loadServer>>;

async function loadServer(options: ProviderOptions) {
  const { createProvider } = await import('./provider.ts');
  const provider = createProvider(options);
  return { provider, callback: provider.callback() };
}
