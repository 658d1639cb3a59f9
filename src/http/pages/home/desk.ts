/**
 * What the pages of a person who signed in have in common: who that is, what their forms carry, and what stands around
 * every page. A page of this folder shows what the broker answers, and does what one call of the broker does; it has no
 * rule of its own.
 */
import type { Context, Handler } from 'hono';
import type { Broker } from '../../../broker/broker.ts';
import { equalInConstantTime } from '../../../broker/visitors/browser-binding.ts';
import { foreignForm } from '../../../broker/visitors/form-errors.ts';
import { localPrincipal, type Owner, type Principal } from '../../../principal.ts';
import { type Html, type PageParts, page } from '../page.ts';
import { browserOf, readCookie } from '../sign-in/cookies.ts';
import type { VisitorOf } from '../visitor-of.ts';
import { ownPage } from './accept-tools.ts';
import { createNavigation, type Navigation, type Place } from './navigation.ts';

export type DeskOptions = {
  readonly broker: Broker;
  readonly visitor: VisitorOf;
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  /** Whether people may have passkeys. */
  readonly passkeys: boolean;
};

/** Who looks at a page, and what it needs of the moment. */
export type Visit = {
  readonly owner: Owner;
  /** The person as the broker knows whoever acts on these pages. */
  readonly principal: Principal;
  /** What this browser's forms are bound to. */
  readonly browser: string;
  /** What forms of these pages carry as `csrf`. */
  readonly csrf: string;
  /** Host and port in the address bar. */
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly now: number;
};

/** A page of this folder: {@link PageParts} and where in the navigation it is. */
export type Shown = Pick<PageParts, 'title' | 'body' | 'wait'> & { readonly at: Place };

export type Desk = {
  readonly broker: Broker;
  readonly secure: boolean;
  /** For pages of other folders that belong to these. */
  readonly navigation: Navigation;
  /** Answers a page to whoever signed in; anybody else gets `stranger`, or is sent to sign in first, and back here. */
  show(work: (c: Context, visit: Visit) => Promise<Shown>, stranger?: () => Html): Handler;
  /**
   * Does what a form asks for, once it is known to come from a page of this person in this browser, and goes on to the
   * path that `work` answers; a page that `work` answers instead is shown as what has to be corrected (422).
   */
  act(work: (c: Context, visit: Visit, form: URLSearchParams) => Promise<string | Shown>): Handler;
};

/** On these pages a person may do whatever they may do at their own computer. */
const scopes = localPrincipal.scopes;

export function createDesk({ broker, visitor, secure, passkeys }: DeskOptions): Desk {
  const visitOf = (c: Context, owner: Owner, browser: string): Visit => ({
    owner,
    principal: { ...owner, scopes, client: ownPage },
    browser,
    csrf: formProof(broker, owner, browser),
    host: new URL(c.req.url).host,
    now: Date.now(),
  });
  const navigation = createNavigation(broker, passkeys);
  const whole = async ({ title, body, wait, at }: Shown, { owner, host }: Visit): Promise<Html> =>
    page({
      title,
      body,
      ...(wait !== undefined && { wait }),
      navigation: await navigation(owner, at),
      foot: `This page comes from Keyward at ${host}. It shows no secrets.`,
    });
  return {
    broker,
    secure,
    navigation,
    show: (work, stranger) => async (c) => {
      const person = await visitor(c);
      if (typeof person === 'string') return stranger ? c.html(stranger()) : c.redirect(signInFirst(c), 303);
      const visit = visitOf(c, person, browserOf(c, secure));
      return c.html(await whole(await work(c, visit), visit));
    },
    act: (work) => async (c) => {
      const person = await visitor(c);
      if (typeof person === 'string') return c.redirect('/sign-in?to=/', 303);
      const form = new URLSearchParams(await c.req.text());
      const browser = readCookie(c, 'form', secure);
      if (browser === undefined || !equalInConstantTime(form.get('csrf') ?? '', formProof(broker, person, browser))) {
        throw foreignForm();
      }
      const visit = visitOf(c, person, browser);
      const next = await work(c, visit, form);
      // 303: the browser GETs the page, and reloading it sends nothing twice.
      return typeof next === 'string' ? c.redirect(next, 303) : c.html(await whole(next, visit), 422);
    },
  };
}

function signInFirst(c: Context): string {
  return `/sign-in?${new URLSearchParams({ to: c.req.path })}`;
}

/** What the forms of this person's pages carry in this browser. */
function formProof({ vault }: Broker, { tenant, user }: Owner, browser: string): string {
  return vault.proof('home-form', JSON.stringify([tenant, user, browser]));
}
