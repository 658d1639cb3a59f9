/** Signing in to the pages of HTTP mode, and who a browser is. */
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Broker } from '../../../broker/broker.ts';
import { signInCsrf, useSignInCode } from '../../../broker/sign-in/code.ts';
import type { IssuerSignIn } from '../../../broker/sign-in/issuer.ts';
import { usePasskey } from '../../../broker/sign-in/use-passkey.ts';
import { beginVisit, endVisit, visitLifetimeMs, visitorOf } from '../../../broker/sign-in/visits.ts';
import type { RelyingParty } from '../../../broker/sign-in/webauthn.ts';
import { equalInConstantTime } from '../../../broker/visitors/browser-binding.ts';
import { foreignForm } from '../../../broker/visitors/form-errors.ts';
import { hasCode, KeywardError } from '../../../errors.ts';
import { type Owner, subjectOf } from '../../../principal.ts';
import type { RequestEnv } from '../../request-env.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import type { Html } from '../page.ts';
import type { VisitorOf } from '../visitor-of.ts';
import { browserOf, dropCookie, giveCookie, readCookie } from './cookies.ts';
import { issuerPath, issuerRoutes } from './issuer.ts';
import { signedOutPage, signInPage } from './pages.ts';
import { isAt, passkeyRoutes, passkeysPath, signInPath } from './passkeys.ts';

export type SignInOptions = {
  readonly broker: Broker;
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  /** Signing in at the issuer, and where that starts; null: with a code only. */
  readonly issuer: { readonly signIn: IssuerSignIn; readonly publicUrl: string } | null;
  /** Who asks for passkeys, and what stands above their page; null: nobody, and nothing of them answers. */
  readonly passkeys: { readonly rp: RelyingParty; readonly navigation: (owner: Owner) => Promise<Html> } | null;
  /**
   * `wrongCode` counts a code or a passkey that is not good, by address; `page` counts a request of whoever is signed in.
   * Both throw `rate_limited` for too many.
   */
  readonly limits: { wrongCode(address: string): Promise<void>; page(person: Owner): Promise<void> };
};

export type SignIn = {
  /** `GET` and `POST /sign-in`, `POST /sign-out`, and with an issuer the way there and back, or else what passkeys take. */
  readonly routes: Hono<RequestEnv>;
  /** Who this browser is. Every page asks it, so it counts their requests: it throws `rate_limited` for too many. */
  readonly visitor: VisitorOf;
};

export function signIn({ broker, secure, issuer, passkeys, limits }: SignInOptions): SignIn {
  const routes = new Hono<RequestEnv>();

  const visitor: VisitorOf = async (c) => {
    const value = readCookie(c, 'person', secure);
    const person = value === undefined ? null : await visitorOf(broker, value);
    if (person === null) return 'unknown';
    await limits.page(person);
    return person;
  };

  const hasPasskeys = (c: Context) => passkeys !== null && isAt(c, passkeys.rp);

  const formOf = async (c: Context, to: string) => {
    const browser = browserOf(c, secure);
    const person = await visitor(c);
    const user = typeof person === 'string' ? null : subjectOf(person.user);
    const away = issuer && {
      host: issuer.signIn.host,
      url: `${issuer.publicUrl}${issuerPath}?${new URLSearchParams({ to })}`,
    };
    const around = { host: new URL(c.req.url).host, passkeys: hasPasskeys(c) };
    return { csrf: signInCsrf(broker, browser), to, user, issuer: away, ...around };
  };

  /** Signs out the person of this browser, wherever a copy of its cookie is. */
  const signOut = async (c: Context): Promise<void> => {
    const value = readCookie(c, 'person', secure);
    if (value !== undefined) await endVisit(broker, value);
  };

  /** The browser is this person's from now on; what its form was bound to has served. */
  const remember = async (c: Context, person: Owner, how?: Parameters<typeof beginVisit>[2]): Promise<void> => {
    await signOut(c);
    giveCookie(c, 'person', await beginVisit(broker, person, how), visitLifetimeMs / 1000, secure);
    dropCookie(c, 'form', secure);
  };

  /** The form, if it comes from this browser's own page: otherwise another site could sign its visitor in as somebody. */
  const readForm = async (c: Context): Promise<URLSearchParams> => {
    const form = new URLSearchParams(await c.req.text());
    const browser = readCookie(c, 'form', secure);
    if (browser !== undefined && equalInConstantTime(form.get('csrf') ?? '', signInCsrf(broker, browser))) return form;
    throw foreignForm();
  };

  routes.get('/sign-in', async (c) => c.html(signInPage(await formOf(c, ownPath(c.req.query('to'))))));

  /** Signs in whoever the form proves to be, and goes where `work` says; a proof that is not good is counted and told. */
  const signInBy =
    (about: 'code' | 'passkey', work: (c: Context, form: URLSearchParams, to: string) => Promise<string>) =>
    async (c: Context<RequestEnv>) => {
      const form = await readForm(c);
      const to = ownPath(form.get('to') ?? undefined);
      const again = async ({ message, hint }: KeywardError) =>
        signInPage({ ...(await formOf(c, to)), problem: { about, text: `${message} ${hint}` } });
      try {
        return c.redirect(await work(c, form, to), 303);
      } catch (error) {
        if (!hasCode(error, 'unauthenticated', 'forbidden')) throw error;
        try {
          await limits.wrongCode(c.var.client.address);
          return c.html(await again(error), 422);
        } catch (limited) {
          if (!hasCode(limited, 'rate_limited')) throw limited;
          c.header('Retry-After', String(limited.details.retryAfterSeconds));
          return c.html(await again(limited), 429);
        }
      }
    };

  const byCode = signInBy('code', async (c, form, to) => {
    await remember(c, await useSignInCode(broker, form.get('code') ?? ''));
    // The script says so where the browser can have a passkey.
    const offer = hasPasskeys(c) && form.get('offer') === 'passkey' && to !== passkeysPath;
    return offer ? `${passkeysPath}?${new URLSearchParams({ to })}` : to;
  });
  routes.post('/sign-in', limit, byCode);

  routes.post('/sign-out', limit, async (c) => {
    await readForm(c);
    await signOut(c);
    dropCookie(c, 'person', secure);
    return c.html(signedOutPage(new URL(c.req.url).host));
  });
  if (issuer !== null) routes.route('/', issuerRoutes({ secure, signIn: issuer.signIn, visitor, remember, ownPath }));
  if (passkeys !== null) {
    const byPasskey = signInBy('passkey', async (c, form, to) => {
      const browser = readCookie(c, 'form', secure) ?? '';
      const { person, passkeyId } = await usePasskey(broker, passkeys.rp, browser, form.get('answer') ?? '');
      await remember(c, person, { passkeyId });
      return to;
    });
    routes.post(signInPath, formsOnly, formLimit, byPasskey);
    routes.route('/', passkeyRoutes({ broker, secure, ...passkeys, visitor, ownPath }));
  }
  return { routes, visitor };
}

/** Where a person may be sent after signing in: a page of this Keyward, by default the one with their connections. */
function ownPath(to: string | undefined): string {
  return to !== undefined &&
    /^\/(connect\/[0-9a-f-]{36}|approvals(\/[0-9a-f-]{36})?|oauth\/consent\/[\w-]{21,64}|passkeys|assistants|activity|clients|connect|connections\/[0-9a-f-]{36}(\/(rules|delete))?)$/.test(
      to,
    )
    ? to
    : '/';
}

const limit = bodyLimit({
  maxSize: 4_096,
  onError: () => {
    throw new KeywardError('invalid_input', 'That is too long for a sign-in code.');
  },
});
