/** What signing in looks like. */
import { html } from 'hono/html';
import { type Html, page } from '../page.ts';

type SignInPage = {
  readonly csrf: string;
  readonly to: string;
  /** Host and port in the address bar. */
  readonly host: string;
  /** Who is signed in already. */
  readonly user: string | null;
  /** The issuer's host, and where the way there starts; null: with a code only. */
  readonly issuer: { readonly host: string; readonly url: string } | null;
  /** What was wrong with the code. */
  readonly problem?: string;
};

export function signInPage({ csrf, to, host, user, issuer, problem }: SignInPage): Html {
  const head = html`<input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="to" value="${to}">`;
  const title = 'Sign in to Keyward';
  return page({
    title: problem === undefined ? title : `To correct: ${title}`,
    body: html`<h1>${title}</h1>
${user === null ? '' : html`<p>You are signed in as <strong>${user}</strong>.</p><form method="post" action="/sign-out">${head}<button class="quiet">Sign out</button></form>`}
<p>Keyward shows a link only to the person it was made for, so it has to know that it is you.</p>
${
  issuer === null
    ? ''
    : html`<div class="actions"><a href="${issuer.url}" class="button">${user === null ? 'Sign in' : 'Sign in as somebody else'} at ${issuer.host}</a></div>
<h2>Or with a code</h2>`
}
<form method="post" action="/sign-in">${head}
<div class="field"><label for="code">Sign-in code</label>
<p class="hint" id="code-hint">Whoever runs this Keyward gives you one; it works once, for ten minutes.</p>
${problem === undefined ? '' : html`<p class="error" id="code-error" role="alert">${problem}</p>`}
<input type="text" id="code" name="code" required autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" maxlength="64" aria-describedby="code-hint${problem === undefined ? '' : ' code-error'}"${problem === undefined ? '' : html` aria-invalid="true"`}></div>
<div class="actions"><button${issuer === null ? '' : html` class="quiet"`}>Sign in with the code</button></div></form>
<p class="soft small">Type only a code that you asked for. Nobody else needs one that was made for you.</p>`,
    foot: `This page comes from Keyward at ${host}.`,
  });
}

export function signedOutPage(host: string): Html {
  return page({
    title: 'Signed out',
    body: html`<h1>Signed out</h1><p>This browser is no longer signed in to Keyward.</p><p><a href="/sign-in">Sign in again</a></p>`,
    foot: `This page comes from Keyward at ${host}.`,
  });
}
