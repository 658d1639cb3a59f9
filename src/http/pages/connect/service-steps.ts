/** The steps that happen at the service. */
import { html } from 'hono/html';
import { type Html, icons } from '../page.ts';
import { type Filled, renderProblems } from './form.ts';
import {
  cancelForm,
  facts,
  formHead,
  outside,
  type Step,
  type Surroundings,
  scopeList,
  webUrl,
  wishToUse,
} from './page-parts.ts';

/**
 * The way to the service is a link: `form-action 'self'` would stop the redirect of a form, and a person should see
 * where it goes.
 */
export function authorizePage(view: Step<'authorize'>, around: Surroundings): { title: string; body: Html } {
  const { name } = view.connector;
  return {
    title: `Connect ${name}`,
    body: html`<h1>Connect ${name}</h1>
<p>${wishToUse(view)}. ${name} will ask you to sign in and to agree; Keyward then keeps the access it grants. Your password stays between you and ${name}.</p>
${askedFor(view)}
${borrowed(view)}
<div class="actions">${outside(view.authorizationUrl, `Continue to ${name}`, 'button')}${cancelForm(view)}</div>
<p class="soft small">You will leave for <span class="code">${hostOf(view.authorizationUrl)}</span>. Check that the address bar says so before you sign in.</p>
${otherClient(view)}
${facts(view, around)}`,
  };
}

/** The app was made for another service of the vendor: what it lacks, the vendor would say in its own words or not at all. */
function borrowed({ connector, borrowed }: Step<'authorize'>): Html | string {
  if (borrowed === null) return '';
  const { enteredFor, appUrl, appSteps } = borrowed;
  return html`<h2>The app that you set up for ${enteredFor} is used</h2>
<p>For ${connector.name} it may need more. Do this on ${outside(appUrl, 'the page for apps')} first:</p>
<ul>${appSteps.map((step) => html`<li>${step}</li>`)}<li>If the app has a list of permissions (“scopes”), add those above.</li></ul>`;
}

/** The permissions, as the service calls them. */
function askedFor({ connector, scopes, scopeDescriptions }: Step<'authorize' | 'device' | 'device_start'>): Html {
  return scopes.length === 0
    ? html`<p>No particular permissions are asked for; ${connector.name} shows what it grants.</p>`
    : html`<h2>Permissions that will be asked for</h2>${scopeList(scopes, scopeDescriptions)}`;
}

/** A form, because a link could be followed by a program that only looks ahead. */
export function claimPage(view: Step<'claim'>, around: Surroundings): { title: string; body: Html } {
  const { name } = view.connector;
  return {
    title: `Connect ${name}`,
    body: html`<h1>Connect ${name}</h1>
<p>${wishToUse(view)}. Go on only if you asked it to, just now: this link then works in this browser and in no other.</p>
<div class="actions"><form method="post">${formHead(view, 'claim')}<button>Continue</button></form></div>
${facts(view, around)}`,
  };
}

/** A mistyped OAuth client shows only at the service, so there is a way back from here. */
function otherClient(view: Step<'authorize'>): Html {
  if (view.changeableClientId === null) return html``;
  return html`<form method="post" class="soft small">${formHead(view, 'forget-auth-config')}Keyward’s client ID at ${view.connector.name}: <span class="code">${view.changeableClientId}</span>. If ${view.connector.name} says that it is wrong, <button class="quiet">use another one</button>.</form>`;
}

/** Before a code is asked for: the person who enters it gives access, so they learn first who wants it and for what. */
export function deviceStartPage(
  view: Step<'device_start'>,
  around: Surroundings,
  { problems }: Filled,
): { title: string; body: Html } {
  const { name } = view.connector;
  return {
    title: `Connect ${name}`,
    body: html`${renderProblems([], problems)}
<h1>Connect ${name}</h1>
<p>${wishToUse(view)}. Go on only if you asked it to, just now. Keyward then shows a code, which you enter at ${name}; whoever enters it lets Keyward into their account there.</p>
${askedFor(view)}
<div class="actions"><form method="post">${formHead(view, 'start-device')}<button>Show the code</button></form>${cancelForm(view)}</div>
${facts(view, around)}`,
  };
}

/** Device authorization (RFC 8628 §3.3): the person carries a code to the service. */
export function devicePage(view: Step<'device'>, around: Surroundings): { title: string; body: Html } {
  const { name } = view.connector;
  return {
    title: `Enter a code at ${name}`,
    body: html`<h1>Enter this code at ${name}</h1>
<p class="usercode">${view.userCode}</p>
<p>${wishToUse(view)}. Open ${outside(view.verificationUri, html`<span class="code">${view.verificationUri}</span>`)} on any device, sign in, enter the code and agree. Go on only if you asked for this yourself.</p>
${askedFor(view)}
<div class="actions">${
      view.verificationUriComplete === null
        ? outside(view.verificationUri, `Open ${name}`, 'button')
        : outside(view.verificationUriComplete, `Open ${name} with the code filled in`, 'button')
    }${cancelForm(view)}</div>
<p class="soft small">This page goes on by itself once ${name} answers. <a href="">Look now</a></p>
${facts(view, around)}`,
  };
}

/** A few seconds between the answer of the service and its result. */
export function workingPage(view: Step<'working'>): { title: string; body: Html } {
  return {
    title: `Connecting ${view.connector.name}`,
    body: html`<div class="badge wait">${icons.clock}</div>
<h1>Connecting ${view.connector.name}…</h1>
<p role="status">Keyward is fetching the access that ${view.connector.name} granted. This takes a few seconds; the page goes on by itself. <a href="">Look now</a></p>`,
  };
}

function hostOf(url: string): string {
  const safe = webUrl(url);
  return safe === null ? '' : new URL(safe).host;
}
