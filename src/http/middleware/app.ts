/**
 * The Hono app that every listener is built on: what is refused, and what each answer carries, whatever the route.
 * Routes are mounted on it by the transport.
 */
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { secureHeaders } from 'hono/secure-headers';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type ErrorCode, errorCodes, KeywardError, type PublicError, toPublic } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { brokenOff } from '../listener/body-timeout.ts';
import { headOfContext } from '../listener/request-head.ts';
import { errorPage } from '../pages/page.ts';
import { scriptSource } from '../pages/script.ts';
import { styleSource } from '../pages/style.ts';
import { checkOrigin, type OwnAddresses } from './origin-guard.ts';

type AppOptions = OwnAddresses & {
  /** Paths that are served whatever the Host header says. */
  readonly anyHost?: readonly string[];
  /** What runs around everything else. */
  readonly around?: readonly MiddlewareHandler[];
  /** Who reads what goes wrong: makes the body for a program; null is a person, who gets a page. Left out: always a person. */
  readonly audience?: (c: Context) => ProgramBody | null;
  readonly log: Log;
};

/** The body for a program, as JSON. */
export type ProgramBody = (status: number, error: PublicError) => unknown;

/** An app with the guards on and no routes yet. */
export function createApp(options: AppOptions): Hono {
  const app = new Hono();
  /** The one place that answers what went wrong before, around or instead of a route. */
  const tell = (c: Context, status: number, heading: string, error: PublicError, signInTo?: string) => {
    const body = options.audience?.(c) ?? null;
    const known = status as ContentfulStatusCode;
    return body === null ? c.html(errorPage(heading, error, signInTo), known) : c.json(body(status, error), known);
  };
  app.use(headers, ...(options.around ?? []), guard(options, tell));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        c.header('Allow', methods.join(', '));
        return tell(c, 405, 'That does not work here', wrongMethod(methods));
      },
    }),
  );
  app.notFound((c) => tell(c, 404, 'There is no such page', noPage));
  app.onError((error, c) => {
    const { status, headers, shown } = failureOf(error);
    if (shown.code === 'internal' && brokenOff(c.env) === null) {
      logFailure(options.log, error, c.req.routePath, c.get('requestId' as never) as string | undefined);
    }
    const signIn = error instanceof KeywardError && error.details.signIn === true ? c.req.path : undefined;
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    return tell(c, status, headings[shown.code] ?? 'That did not work', shown, signIn);
  });
  return app;
}

/** What is answered to whatever was thrown. */
export function failureOf(error: unknown) {
  const shown = toPublic(error);
  const retryAfter = error instanceof KeywardError ? error.details.retryAfterSeconds : undefined;
  const headers = retryAfter === undefined ? {} : { 'Retry-After': String(Math.ceil(retryAfter)) };
  return { status: errorCodes[shown.code], headers, shown };
}

/** The name and nothing else: messages and causes of other libraries may quote what was sent. */
export function logFailure(log: Log, error: unknown, path: string, requestId: string | undefined): void {
  log.error('page_failed', { requestId, path, error: error instanceof Error ? error.name : typeof error });
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

type Tell = (c: Context, status: number, heading: string, error: PublicError) => Response | Promise<Response>;

function guard({ anyHost = [], ...places }: AppOptions, tell: Tell): MiddlewareHandler {
  return async (c, next) => {
    const asked = headOfContext(c);
    const host = asked.header('host') ?? '';
    const hosts = anyHost.includes(c.req.path) ? [host.toLowerCase()] : places.hosts;
    const refused = checkOrigin({ ...places, hosts }, asked);
    return refused === null ? next() : tell(c, 403, refused.heading, toPublic(refused.error));
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
  rate_limited: 'Too many requests',
};

const noPage: PublicError = {
  code: 'not_found',
  message: 'There is nothing at this address.',
  hint: 'Open the link that your assistant gave you, as a whole. A program finds every address in /openapi.json.',
};

function wrongMethod(methods: readonly string[]): PublicError {
  return {
    code: 'invalid_input',
    message: `This address takes ${methods.join(', ')}.`,
    hint: 'Open the link that your assistant gave you once more.',
  };
}
