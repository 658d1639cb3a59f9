/** The way to the issuer and back. What is believed of the answer is the broker's matter. */
import { type Context, Hono } from 'hono';
import type { IssuerSignIn } from '../../../broker/sign-in/issuer.ts';
import type { Owner } from '../../../principal.ts';
import { refusePrefetch } from '../refuse-prefetch.ts';
import type { VisitorOf } from '../visitor-of.ts';
import { browserOf, readCookie } from './cookies.ts';

/** A link leads here: `form-action 'self'` would stop the redirect of a form. */
export const issuerPath = '/sign-in/issuer';
/** The redirect URI that the client registers. */
export const issuerCallbackPath = '/sign-in/callback';

type Came = Awaited<ReturnType<IssuerSignIn['finish']>>;

type IssuerRoutes = {
  readonly signIn: IssuerSignIn;
  readonly secure: boolean;
  readonly visitor: VisitorOf;
  /** Signs the person in to this browser. */
  readonly remember: (c: Context, person: Owner, how: { readonly issued: Came['issued'] }) => Promise<void>;
  /** Where a person may be sent after signing in. */
  readonly ownPath: (to: string | undefined) => string;
};

export function issuerRoutes({ signIn, secure, visitor, remember, ownPath }: IssuerRoutes): Hono {
  const routes = new Hono();
  routes.get(issuerPath, async (c) => {
    // Whoever is signed in and comes here wants to be somebody else.
    const anew = (await visitor(c)) !== 'unknown';
    const url = await signIn.begin(browserOf(c, secure), ownPath(c.req.query('to')), anew);
    return c.redirect(url.href, 303);
  });
  routes.get(issuerCallbackPath, refusePrefetch, async (c) => {
    const browser = readCookie(c, 'form', secure) ?? null;
    const { person, issued, to } = await signIn.finish(browser, new URL(c.req.url).searchParams);
    await remember(c, person, { issued });
    return c.redirect(to, 303);
  });
  return routes;
}
