/** What the fixed port answers: callbacks, and the challenge. */
import type { Hono } from 'hono';
import type { Broker } from '../../broker/broker.ts';
import { attemptOf } from '../../broker/visitors/browser-binding.ts';
import { createApp } from '../middleware/app.ts';
import { freshKeys } from '../middleware/fresh-keys.ts';
import { readBinding } from '../pages/binding-cookie.ts';
import { callbackRoutes } from '../pages/connect/callback.ts';
import { challengeRoute, type Proof } from './challenge.ts';
import { hostsAt, type Names } from './names.ts';

/**
 * For every process that shares the port.
 *
 * @param pages origin that shows how it went
 * @param use is told of each request but for those of other processes
 */
export function callbackApp(broker: Broker, port: number, names: Names, pages: string, use: () => void): Hono {
  const own = hostsAt(names.hostname, port);
  const around = [freshKeys(broker.vault)];
  const app = createApp({ hosts: [...own, ...names.publicHosts], origins: [], around, log: broker.log });
  app.use(async (c, next) => {
    if (own.includes(c.req.header('host') ?? '')) return next();
    // Read by an authorization server, not by the person's browser.
    if (c.req.method === 'GET' && c.req.path.startsWith('/oauth/client/')) return next();
    // Through the tunnel: the browser has its cookie on loopback, and nothing else is served out there.
    if (c.req.method !== 'GET' || !c.req.path.startsWith('/oauth/callback')) return c.notFound();
    const { pathname, search } = new URL(c.req.url);
    return c.redirect(`http://${names.hostname}:${port}${pathname}${search}`, 303);
  });
  // Being asked by another process is no use: it would keep this one serving for that one's sake.
  app.route('/', challengeRoute(proofOf(broker)));
  app.use(async (_c, next) => {
    use();
    await next();
  });
  // A service may know this Keyward by another name of loopback than the page's, where the browser has its cookie.
  app.get('/oauth/callback/:connectorId?', async (c, next) => {
    const { hostname, pathname, search, searchParams } = new URL(c.req.url);
    const attemptId = attemptOf(searchParams.get('state') ?? '');
    if (hostname === names.hostname || attemptId === null || readBinding(c, attemptId, false) !== null) return next();
    return c.redirect(`http://${names.hostname}:${port}${pathname}${search}`, 303);
  });
  app.route('/', callbackRoutes({ broker, secure: false, pages, visitor: async () => 'local' }));
  return app;
}

/** The proof of this vault's, under its newest key. */
export function proofOf({ vault }: Broker): Proof {
  return async (purpose, message) => {
    await vault.refreshKeys();
    return vault.proof(purpose, message);
  };
}
