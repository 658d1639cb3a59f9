/** A form that came too late: who sent it is not signed in any more, or its page is older than that. Nothing typed is lost. */
import { html } from 'hono/html';
import { type Owner, subjectOf } from '../../../principal.ts';
import { visible } from '../../../text.ts';
import { type Html, page } from '../page.ts';
import type { Place } from './navigation.ts';

/** What of a form is kept until its sender has signed in again: what is not named here is not, a secret least of all. */
export type Kept = {
  /** Where in the navigation its page is. */
  readonly at: Place;
  /** What its button does, as a button says it: “Rename it”. */
  readonly says: (form: URLSearchParams) => string;
  /** The fields that are kept, and what a person calls them; null for one that is not shown. */
  readonly fields: Readonly<Record<string, string | null>>;
};

type LateForm = { readonly path: string; readonly form: URLSearchParams; readonly kept: Kept | undefined };

/** As the answer to whoever has to sign in first. Its button only asks again: without a proof nothing is done. */
export function signInAgainPage({ path, form, kept, host }: LateForm & { readonly host: string }): Html {
  const signIn = html`<p class="actions"><a class="button" href="/sign-in?to=/" target="_blank">Sign in, in a new tab</a></p>`;
  return page({
    title: 'Sign in to go on',
    body: html`<h1>Sign in to go on</h1>
<p>You are not signed in any more, so nothing was done.</p>
${
  kept === undefined
    ? html`${signIn}<p>Then go back to the page and do it once more.</p>`
    : html`<p>What you typed is on this page still. Sign in, come back to this tab, and go on.</p>
${signIn}${typed(kept, form)}
<form method="post" action="${path}">${hidden(kept, form)}<div class="actions"><button class="side">Go on, I am signed in</button></div></form>`
}`,
    foot: `This page comes from Keyward at ${host}. It shows no secrets.`,
  });
}

/** As the answer to whoever is signed in, but sent a form of a page that was open before. One click sends it. */
export function sendAgainPage({
  path,
  form,
  kept,
  owner,
  csrf,
}: LateForm & { readonly owner: Owner; readonly csrf: string }) {
  const who = html`<p>You are signed in as <strong>${subjectOf(owner.user)}</strong>. Nothing was done yet.</p>`;
  return {
    at: kept?.at ?? ('/' as const),
    title: 'Look once more',
    body: html`<h1>Look once more</h1>
<p>The page that this came from was open since before you signed in.</p>
${
  kept === undefined
    ? html`${who}<p>Go back to the page, reload it, and do it once more.</p>`
    : html`${who}${typed(kept, form)}
<form method="post" action="${path}"><input type="hidden" name="csrf" value="${csrf}">${hidden(kept, form)}<div class="actions"><button>${kept.says(form)}</button></div></form>`
}`,
  };
}

/** The fields that a person typed, as they are. */
function typed({ fields }: Kept, form: URLSearchParams): Html | '' {
  const shown = entries(fields, form).flatMap(([name, value]) => {
    const label = fields[name] ?? null;
    return label === null || value === '' ? [] : [html`<dt>${label}</dt><dd class="typed">${visible(value)}</dd>`];
  });
  return shown.length === 0 ? '' : html`<dl class="facts">${shown}</dl>`;
}

function hidden({ fields }: Kept, form: URLSearchParams): Html[] {
  return entries(fields, form).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
}

function entries(fields: Kept['fields'], form: URLSearchParams): [string, string][] {
  return [...form].filter(([name]) => Object.hasOwn(fields, name));
}
