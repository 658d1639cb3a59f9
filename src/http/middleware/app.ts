/**
 * The Hono app that every listener is built on: what is refused, and what each answer carries, whatever the route.
 * Routes are mounted on it by the transport.
 */
import { Hono, type MiddlewareHandler } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { secureHeaders } from 'hono/secure-headers';
import { type ErrorCode, errorCodes, KeywardError, toPublic } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { brokenOff } from '../listener/body-timeout.ts';
import { askedOf } from '../listener/request-head.ts';
import { errorPage } from '../pages/page.ts';
import { scriptSource } from '../pages/script.ts';
import { styleSource } from '../pages/style.ts';
import { type Places, refusalOf } from './origin-guard.ts';

export type AppOptions = Places & {
  /** Paths that are served whatever the Host header says. */
  readonly anyHost?: readonly string[];
  /** What runs around everything else. */
  readonly around?: readonly MiddlewareHandler[];
  readonly log: Log;
};

/** An app with the guards on and no routes yet. */
export function createApp(options: AppOptions): Hono {
  const app = new Hono();
  app.use(...(options.around ?? []), headers, guard(options));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        c.header('Allow', methods.join(', '));
        return c.html(errorPage('That does not work here', wrongMethod), 405);
      },
    }),
  );
  app.notFound((c) => c.html(errorPage('There is no such page', noPage), 404));
  app.onError((error, c) => {
    const shown = toPublic(error);
    // The name and nothing else: messages and causes of other libraries may quote what was sent.
    if (shown.code === 'internal' && brokenOff(c.env) === null) {
      const requestId = c.get('requestId' as never) as string | undefined;
      options.log.error('page_failed', { requestId, path: c.req.routePath, error: error.name });
    }
    const signIn = error instanceof KeywardError && error.details.signIn === true ? c.req.path : undefined;
    const told = errorPage(headings[shown.code] ?? 'That did not work', shown, signIn);
    return c.html(told, errorCodes[shown.code] as 500);
  });
  return app;
}

/**
 * Nothing is loaded but the page's own style and script, nothing frames it, nothing caches it, no site learns of it. A
 * referrer reaches only Keyward itself: with `no-referrer` browsers would send `Origin: null` with our own forms.
 */
const headers: MiddlewareHandler = async (c, next) => {
  await securityHeaders(c, async () => {
    await next();
    c.res.headers.set('Cache-Control', 'no-store');
  });
};

const securityHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    // The icon of the tab.
    imgSrc: ['data:'],
    styleSrc: [styleSource],
    scriptSrc: [scriptSource],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  referrerPolicy: 'same-origin',
  xFrameOptions: 'DENY',
  permissionsPolicy: { camera: [], geolocation: [], microphone: [] },
  // On loopback it would reach every other server of that host; over https the proxy in front decides.
  strictTransportSecurity: false,
});

function guard({ anyHost = [], ...places }: AppOptions): MiddlewareHandler {
  return async (c, next) => {
    const asked = askedOf(c);
    const host = asked.header('host') ?? '';
    const hosts = anyHost.includes(c.req.path) ? [host.toLowerCase()] : places.hosts;
    const refused = refusalOf({ ...places, hosts }, asked);
    return refused === null ? next() : c.html(errorPage(refused.heading, toPublic(refused.error)), 403);
  };
}

/** What every answer carries, for a handler that answers without the app. */
export async function commonHeaders(): Promise<readonly [name: string, value: string][]> {
  const app = new Hono().get('/', headers, (c) => c.body(null));
  return [...(await app.request('/')).headers];
}

const headings: Partial<Record<ErrorCode, string>> = {
  not_found: 'There is nothing here',
  forbidden: 'Keyward did not accept that',
  attempt_used: 'This is done already',
  attempt_expired: 'That came too late',
};

const noPage = {
  message: 'This address shows nothing.',
  hint: 'Open the link that your assistant gave you, as a whole.',
};
const wrongMethod = {
  message: 'This page takes no request of that kind.',
  hint: 'Open the link that your assistant gave you once more.',
};
