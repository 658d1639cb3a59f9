/**
 * The pages of the person at this computer, for as long as they use them: served by this process, on loopback, to the one
 * browser that opened the link.
 *
 * A cookie belongs to a host name, whatever the port, so its name has the port: two of these never take each other's
 * browser away. Whatever else listens on this host gets it sent along, too. It is good for nothing but this process, which
 * answers programs of its own user only where the system tells whose they are.
 */
import { type Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { Broker, Pages } from '../../broker/broker.ts';
import { noteSignIn } from '../../broker/sign-in/code.ts';
import { localPrincipal } from '../../principal.ts';
import { approvalRoutes } from '../pages/approvals/routes.ts';
import { connectRoutes } from '../pages/connect/routes.ts';
import { createDesk } from '../pages/home/desk.ts';
import { homeRoutes } from '../pages/home/index.ts';
import { errorPage } from '../pages/page.ts';
import { refusePrefetch } from '../pages/refuse-prefetch.ts';
import type { VisitorOf } from '../pages/visitor-of.ts';
import { callbackApp, proofOf } from './callback-app.ts';
import { createCallbackPort } from './callback-port.ts';
import { hostAndPort } from './challenge.ts';
import { callbackOriginOf } from './loopback.ts';
import { type LoopbackOptions, localPlace } from './loopback-server.ts';
import { namesOf } from './names.ts';
import { createOneLink } from './one-link.ts';
import { serveOnOwnPort } from './own-port.ts';
import { createUnderWay } from './under-way.ts';

/** Why the pages ended: nobody opened the link in time, two did, nobody used the pages for a while, or for too long. */
export type Ending = 'unopened' | 'twice' | 'unused' | 'old';

type OwnerPages = Pages & {
  /**
   * Begins to serve. `link` is for the person's own browser and nobody else; `over` resolves when the pages have to end.
   * Until `close`, this keeps the process alive.
   */
  serve(): Promise<{ readonly link: string; readonly over: Promise<Ending> }>;
  /** Stops serving at once: the link and what the browser keeps are worth nothing afterwards. */
  close(): Promise<void>;
};

/** So long nobody has to use the pages, unless an attempt is under way. */
const unusedMs = 15 * 60_000;
/** So long they stay at most. */
const longestMs = 4 * 3_600_000;
/** How often it is looked whether they have to end. */
const sweepMs = 1_000;

export function createOwnerPages(options: LoopbackOptions): OwnerPages {
  let serving: Awaited<ReturnType<typeof start>> | null = null;
  const origin = (): string => {
    if (serving === null) throw new Error('The pages are not served.');
    return serving.origin;
  };
  return {
    callbackOrigin: callbackOriginOf(options),
    async open(attemptId, callback) {
      if (callback) await serving?.callback.hold();
      serving?.attempts.add(attemptId);
      return origin();
    },
    openApprovals: async () => origin(),
    // The person is signed in: links to these pages carry nothing.
    showLocally: null,
    async serve() {
      serving = await start(options);
      const { link, over } = serving;
      return { link, over };
    },
    async close() {
      await serving?.close();
      serving = null;
    },
  };
}

async function start(options: LoopbackOptions) {
  const broker = options.broker();
  const names = namesOf(options);
  const one = createOneLink();
  const attempts = createUnderWay(broker);
  const beganAt = Date.now();
  let usedAt = beganAt;
  let end: (why: Ending) => void = () => {};
  const over = new Promise<Ending>((resolve) => {
    end = resolve;
  });
  let cookie = '';
  const visitor: VisitorOf = async (c) => {
    if (!one.isIn(getCookie(c, cookie))) return 'unknown';
    // A page that waits asks by itself.
    if (c.req.method !== 'HEAD') usedAt = Date.now();
    return { tenant: localPrincipal.tenant, user: localPrincipal.user };
  };

  const mount = (app: Hono, port: number): void => {
    cookie = `keyward-open-${port}`;
    app.route(
      '/',
      arrivalRoutes(broker, one, cookie, () => end('twice')),
    );
    const around = { broker, secure: false, visitor };
    const home = { ...around, passkeys: false };
    app.route('/', homeRoutes({ ...home, mcpUrl: null }));
    app.route('/', connectRoutes({ ...around, place: localPlace }));
    app.route('/', approvalRoutes({ ...around, desk: createDesk(home) }));
  };
  const { origin, close } = await serveOnOwnPort(broker, names, mount, () => {});
  const egress = options.egressTo(hostAndPort(names.addresses[0], options.port));
  const callback = createCallbackPort({
    app: callbackApp(broker, options.port, names, origin, () => {}),
    addresses: names.addresses,
    port: options.port,
    egress,
    proof: proofOf(broker),
    log: broker.log,
  });
  const endIfOver = async (): Promise<void> => {
    const now = Date.now();
    if (await attempts.sweep()) usedAt = now;
    if (one.hasLapsed()) end('unopened');
    if (attempts.size() === 0 && now - usedAt >= unusedMs) end('unused');
    if (now - beganAt >= longestMs) end('old');
  };
  const sweep = setInterval(() => void endIfOver(), sweepMs);
  return {
    origin,
    link: `${origin}/open/${one.token}`,
    over,
    callback,
    attempts,
    async close() {
      clearInterval(sweep);
      await Promise.all([close(), callback.release()]);
      await egress.close();
    },
  };
}

/** `GET /open/:token` takes the browser in; `GET /sign-in` tells any other what to do. */
function arrivalRoutes(
  broker: Broker,
  one: ReturnType<typeof createOneLink>,
  cookie: string,
  onTwice: () => void,
): Hono {
  const routes = new Hono();
  routes.get('/open/:token', refusePrefetch, async (c) => {
    // Looking at the head of a page opens nothing.
    if (c.req.method !== 'GET') return c.notFound();
    const arrival = one.arrive(c.req.param('token'), getCookie(c, cookie));
    if (arrival.outcome === 'twice') {
      onTwice();
      const { tenant, user } = localPrincipal;
      const refused = { client: 'page', action: 'sign_in', outcome: 'refused', code: 'link_reused' } as const;
      await broker.vault.audit({ tenant, user, ...refused });
    }
    if (arrival.outcome === 'in') {
      await noteSignIn(broker, localPrincipal);
      // Lax, not Strict: a service sends the person back from another site. Without an age: it goes with the browser.
      setCookie(c, cookie, arrival.keeps, { httpOnly: true, sameSite: 'Lax', path: '/' });
    }
    return arrival.outcome === 'in' || arrival.outcome === 'again'
      ? c.redirect('/', 303)
      : turnedAway(c, arrival.outcome);
  });
  routes.get('/sign-in', (c) => turnedAway(c, 'unknown'));
  return routes;
}

const reasons = {
  twice:
    'Somebody else has opened it before. One of you is not who it was made for, so Keyward has ended this page for both.',
  late: 'It worked for a minute, which is over.',
  wrong: 'It is not the link of this page.',
  unknown: 'Keyward does not know this browser.',
} as const;

function turnedAway(c: Context, why: keyof typeof reasons): Response | Promise<Response> {
  const hint = 'Run keyward open in a terminal. It opens your page in your browser, with a link that works once.';
  return c.html(errorPage('This page does not open here', { message: reasons[why], hint }), 401);
}
