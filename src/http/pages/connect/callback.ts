/** The OAuth redirect URI (RFC 6749 §3.1.2). */
import { Hono } from 'hono';
import type { Broker } from '../../../broker/broker.ts';
import { finishCallback } from '../../../broker/connect/callback.ts';
import { servedDocument } from '../../../broker/grants/client-document.ts';
import { readBinding } from '../binding-cookie.ts';
import { refusePrefetch } from '../refuse-prefetch.ts';
import type { VisitorOf } from '../visitor-of.ts';
import { webUrl } from './page-parts.ts';

type CallbackRoutes = {
  readonly broker: Broker;
  /** Whether browsers reach this app over https. */
  readonly secure: boolean;
  /** Origin that shows the result. */
  readonly pages: string;
  readonly visitor: VisitorOf;
};

/**
 * `GET /oauth/callback` and, for servers found by discovery, `GET /oauth/callback/:connectorId`. What was received
 * stays in the URL, so the person is sent on at once: to the program that asked, or to the result page.
 * `GET /oauth/client/:name` is what servers read that know a client by its address; it is public.
 */
export function callbackRoutes({ broker, secure, pages, visitor }: CallbackRoutes): Hono {
  const routes = new Hono();
  routes.get('/oauth/callback/:connectorId?', refusePrefetch, async (c) => {
    const { attemptId, returnTo } = await finishCallback(broker, {
      received: new URL(c.req.url).searchParams,
      connectorId: c.req.param('connectorId') ?? null,
      cookieOf: (id) => readBinding(c, id, secure),
      visitor: await visitor(c),
    });
    const away = returnTo === null ? null : webUrl(returnTo);
    return c.redirect(away ?? `${pages}/connect/${attemptId}`, 303);
  });
  routes.get('/oauth/client/:name', async (c) => {
    const document = await servedDocument(broker, c.req.param('name'));
    return document === null ? c.notFound() : c.json(document);
  });
  return routes;
}
