/**
 * What the pages of a person who signed in have in common: who that is, what their forms carry, and what stands around
 * every page. A page of this folder shows what the broker answers, and does what one call of the broker does; it has no
 * rule of its own.
 */
import type { Context, Handler } from 'hono';
import type { Broker } from '../../../broker/broker.ts';
import { equalInConstantTime } from '../../../broker/visitors/browser-binding.ts';
import { foreignForm } from '../../../broker/visitors/form-errors.ts';
import type { Owner, Principal } from '../../../principal.ts';
import { type Html, type PageParts, page } from '../page.ts';
import { browserOf, readCookie } from '../sign-in/cookies.ts';
import type { VisitorOf } from '../visitor-of.ts';
import { type Kept, sendAgainPage, signInAgainPage } from './kept-form.ts';
import { createNavigation, type Navigation, type Place } from './navigation.ts';
import { onOwnPages } from './own-request.ts';

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
export type Shown = Pick<PageParts, 'title' | 'body' | 'wait'> & {
  readonly at: Place;
  /** As the answer to a form: what came of it, and nothing to correct. */
  readonly isOutcome?: true;
};

export type Desk = {
  readonly broker: Broker;
  readonly secure: boolean;
  /** For pages of other folders that belong to these. */
  readonly navigation: Navigation;
  /** Answers a page to whoever signed in; anybody else gets `stranger`, or is sent to sign in first, and back here. */
  show(work: (c: Context, visit: Visit) => Promise<Shown>, stranger?: () => Html): Handler;
  /**
   * Does what a form asks for, once it is known to come from a page of this person in this browser, and goes on to the
   * path that `work` answers; a page that `work` answers instead is shown as what came of it, or has to be corrected (422).
   *
   * @param kept what of the form is kept for whoever has to sign in first, or whose page was too old; left out: nothing
   */
  act(work: (c: Context, visit: Visit, form: URLSearchParams) => Promise<string | Shown>, kept?: Kept): Handler;
};

export function createDesk({ broker, visitor, secure, passkeys }: DeskOptions): Desk {
  const visitOf = (c: Context, owner: Owner, browser: string): Visit => ({
    owner,
    principal: onOwnPages(owner),
    browser,
    csrf: formProof(broker, owner, browser),
    host: new URL(c.req.url).host,
    now: Date.now(),
  });
  const navigation = createNavigation(broker, passkeys);
  const turns = broker.underWay.pages;
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
      return turns.run(person, async () => c.html(await whole(await work(c, visit), visit)));
    },
    act: (work, kept) => async (c) => {
      const person = await visitor(c);
      const form = new URLSearchParams(await c.req.text());
      if (typeof person === 'string') {
        if (!isFromHere(c)) return c.redirect('/sign-in?to=/', 303);
        return c.html(signInAgainPage({ path: c.req.path, form, kept, host: new URL(c.req.url).host }), 401);
      }
      const given = readCookie(c, 'form', secure);
      const isProved =
        given !== undefined && equalInConstantTime(form.get('csrf') ?? '', formProof(broker, person, given));
      if (!isProved && !isFromHere(c)) throw foreignForm();
      const visit = visitOf(c, person, given ?? browserOf(c, secure));
      if (!isProved) {
        // Its page was open before somebody signed in anew. A proof is made for one more look, and a click of the person.
        return c.html(await whole(sendAgainPage({ path: c.req.path, form, kept, ...visit }), visit), 403);
      }
      return turns.run(person, async () => {
        const next = await work(c, visit, form);
        // 303: the browser GETs the page, and reloading it sends nothing twice.
        if (typeof next === 'string') return c.redirect(next, 303);
        return c.html(await whole(next, visit), next.isOutcome === true ? 200 : 422);
      });
    },
  };
}

/**
 * True where the browser itself says that a page of this very address sent the form (Fetch, `Sec-Fetch-Site`; RFC 6454
 * `Origin`). A foreign `Origin` comes no further than the guard around all pages.
 */
function isFromHere(c: Context): boolean {
  return c.req.header('sec-fetch-site') === 'same-origin' || c.req.header('origin') !== undefined;
}

function signInFirst(c: Context): string {
  return `/sign-in?${new URLSearchParams({ to: c.req.path })}`;
}

/** What the forms of this person's pages carry in this browser. */
function formProof({ vault }: Broker, { tenant, user }: Owner, browser: string): string {
  return vault.proof('home-form', JSON.stringify([tenant, user, browser]));
}
