/** The addresses of passkeys: what the page's script asks for and sends, and the page where a person sees their own. */
import { type Context, Hono } from 'hono';
import type { Broker } from '../../../broker/broker.ts';
import { addOptions, addPasskey } from '../../../broker/sign-in/add-passkey.ts';
import { listPasskeys, maxPasskeys, removePasskey } from '../../../broker/sign-in/passkeys.ts';
import { signInOptions } from '../../../broker/sign-in/use-passkey.ts';
import { recentVisitorOf } from '../../../broker/sign-in/visits.ts';
import type { RelyingParty } from '../../../broker/sign-in/webauthn.ts';
import { equalInConstantTime } from '../../../broker/visitors/browser-binding.ts';
import { foreignForm } from '../../../broker/visitors/form-errors.ts';
import { hasCode } from '../../../errors.ts';
import type { Owner } from '../../../principal.ts';
import type { RequestEnv } from '../../request-env.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import type { Html } from '../page.ts';
import type { VisitorOf } from '../visitor-of.ts';
import { browserOf, readCookie } from './cookies.ts';
import { passkeysElsewherePage, passkeysPage } from './passkey-pages.ts';

/** Where the script asks what to sign in with. The form that brings the answer goes to `signInPath`. */
export const signInOptionsPath = '/sign-in/passkey/options';
export const signInPath = '/sign-in/passkey';
/** A person's own passkeys. */
export const passkeysPath = '/passkeys';

type PasskeyRoutes = {
  readonly broker: Broker;
  readonly secure: boolean;
  readonly rp: RelyingParty;
  /** What stands above the page of whoever signed in. */
  readonly navigation: (owner: Owner) => Promise<Html>;
  readonly visitor: VisitorOf;
  /** Where a person may be sent after signing in. */
  readonly ownPath: (to: string | undefined) => string;
};

/** Whether this request is at the address that passkeys are for. */
export function isAt(c: Context, rp: RelyingParty): boolean {
  return new URL(c.req.url).host === new URL(rp.origin).host;
}

/** `GET /sign-in/passkey/options`; `GET` and `POST /passkeys`, `GET /passkeys/options`, `POST /passkeys/remove`. */
export function passkeyRoutes({ broker, secure, rp, navigation, visitor, ownPath }: PasskeyRoutes): Hono<RequestEnv> {
  const routes = new Hono<RequestEnv>();
  const hostOf = (c: Context) => new URL(c.req.url).host;
  /** What the browser keeps of its sign-in: forms and challenges are bound to it. */
  const visitIn = (c: Context) => readCookie(c, 'person', secure) ?? '';
  const csrfOf = (c: Context) => broker.vault.proof('passkeys-form', visitIn(c));

  const show = async (
    c: Context,
    person: Owner,
    to: string | undefined,
    wrong: { name?: string; problem?: string } = {},
  ) => {
    const passkeys = await listPasskeys(broker, person);
    return passkeysPage({
      passkeys,
      recent: (await recentVisitorOf(broker, visitIn(c))) !== null,
      full: passkeys.length >= maxPasskeys,
      csrf: csrfOf(c),
      onwards: to === undefined ? null : ownPath(to),
      host: hostOf(c),
      navigation: await navigation(person),
      ...wrong,
    });
  };

  /** For a form of this page in this very browser, sent by whoever is signed in. */
  const answer =
    (work: (c: Context, person: Owner, form: URLSearchParams) => Promise<Response>) => async (c: Context) => {
      const person = await visitor(c);
      if (typeof person === 'string') return c.redirect(`/sign-in?to=${passkeysPath}`, 303);
      const form = new URLSearchParams(await c.req.text());
      if (!equalInConstantTime(form.get('csrf') ?? '', csrfOf(c))) throw foreignForm();
      return work(c, person, form);
    };

  const add = answer(async (c, person, form) => {
    const [name, to] = [form.get('name') ?? '', form.get('to') ?? undefined];
    try {
      await addPasskey(broker, rp, visitIn(c), { name, answer: form.get('answer') ?? '' });
    } catch (error) {
      if (!hasCode(error, 'invalid_input', 'limit_reached')) throw error;
      const problem = `${error.message} ${error.hint ?? ''}`;
      return c.html(await show(c, person, to, { name, problem }), 422);
    }
    return c.redirect(
      to === undefined ? passkeysPath : `${passkeysPath}?${new URLSearchParams({ to: ownPath(to) })}`,
      303,
    );
  });
  const remove = answer(async (c, person, form) => {
    await removePasskey(broker, person, form.get('id') ?? '');
    return c.redirect(passkeysPath, 303);
  });

  routes.get(signInOptionsPath, async (c) => c.json(await signInOptions(broker, rp, browserOf(c, secure))));
  routes.get(passkeysPath, async (c) => {
    const person = await visitor(c);
    if (typeof person === 'string') return c.redirect(`/sign-in?to=${passkeysPath}`, 303);
    if (!isAt(c, rp)) return c.html(passkeysElsewherePage(rp.origin, hostOf(c), await navigation(person)));
    return c.html(await show(c, person, c.req.query('to')));
  });
  routes.get(`${passkeysPath}/options`, async (c) => c.json(await addOptions(broker, rp, visitIn(c))));
  routes.post(passkeysPath, formsOnly, formLimit, add);
  routes.post(`${passkeysPath}/remove`, formsOnly, formLimit, remove);
  return routes;
}
