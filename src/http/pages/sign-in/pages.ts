/** What signing in looks like. */
import { html } from 'hono/html';
import { type Html, page } from '../page.ts';
import { passkeyForm } from './passkey-pages.ts';
import { signInOptionsPath, signInPath } from './passkeys.ts';

type SignInPage = {
  readonly csrf: string;
  readonly to: string;
  /** Host and port in the address bar. */
  readonly host: string;
  /** Who is signed in already. */
  readonly user: string | null;
  /** The issuer's host, and where the way there starts; null: with a code only. */
  readonly issuer: { readonly host: string; readonly url: string } | null;
  /** Whether a passkey signs in here. */
  readonly passkeys: boolean;
  /** What was not good, and why. */
  readonly problem?: { readonly about: 'code' | 'passkey'; readonly text: string };
};

export function signInPage({ csrf, to, host, user, issuer, passkeys, problem }: SignInPage): Html {
  const head = html`<input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="to" value="${to}">`;
  const title = 'Sign in to Keyward';
  const wrongCode = problem?.about === 'code' ? problem.text : undefined;
  const wrongPasskey = problem?.about === 'passkey' ? problem.text : undefined;
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
${passkeys ? withPasskey(head, wrongPasskey) : ''}
<form method="post" action="/sign-in">${head}${passkeys ? html`<input type="hidden" name="offer" data-offer>` : ''}
<div class="field"><label for="code">Sign-in code</label>
<p class="hint" id="code-hint">Whoever runs this Keyward gives you one; it works once, for ten minutes.</p>
${wrongCode === undefined ? '' : html`<p class="error" id="code-error" role="alert">${wrongCode}</p>`}
<input type="text" id="code" name="code" required autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" maxlength="64" aria-describedby="code-hint${wrongCode === undefined ? '' : ' code-error'}"${wrongCode === undefined ? '' : html` aria-invalid="true"`}></div>
<div class="actions"><button${issuer === null ? '' : html` class="quiet"`}${passkeys ? html` data-quiet-beside-passkeys` : ''}>Sign in with the code</button></div></form>
<p class="soft small">Type only a code that you asked for. Nobody else needs one that was made for you.</p>`,
    foot: `This page comes from Keyward at ${host}.`,
  });
}

function withPasskey(head: Html, problem: string | undefined): Html {
  return html`${passkeyForm({ action: signInPath, options: signInOptionsPath, problem }, html`${head}<div class="actions"><button>Sign in with a passkey</button></div>`)}
<h2 data-with-passkeys hidden>Or with a code</h2>`;
}

export function signedOutPage(host: string): Html {
  return page({
    title: 'Signed out',
    body: html`<h1>Signed out</h1><p>This browser is no longer signed in to Keyward.</p><p><a href="/sign-in">Sign in again</a></p>`,
    foot: `This page comes from Keyward at ${host}.`,
  });
}
