/** The steps at which a person fills in a form. */
import { html } from 'hono/html';
import { agreementTo } from '../../../broker/connect/page.ts';
import type { Html } from '../page.ts';
import { type Field, readFields } from './fields.ts';
import { type Filled, fieldPrefix, renderField, renderProblems } from './form.ts';
import {
  cancelForm,
  facts,
  formHead,
  outside,
  type Step,
  type Surroundings,
  scopeList,
  wish,
  wishToUse,
} from './page-parts.ts';

/** Registering Keyward as an OAuth client of the service (RFC 6749 §2), once for each connector. */
export function authConfigPage(
  view: Step<'auth_config'>,
  around: Surroundings,
  filled: Filled,
): { title: string; body: Html } {
  const { name, docsUrl } = view.connector;
  const fields = [clientIdField, { ...clientSecretField, required: view.secretNeeded, description: secretHint(view) }];
  return {
    title: `Set up ${name}`,
    body: html`${renderProblems(fields, filled.problems)}
<h1>Set up ${name} for Keyward</h1>
<p>${wish(view, `connect ${name}`)}. Before ${name} lets Keyward ask for access, Keyward has to be registered there as an app. ${once(view)}</p>
${otherWays(view)}
<ol class="steps">
<li>${
      /^https?:/.test(view.clientsAt)
        ? html`Open ${outside(view.clientsAt, `${name}’s page for apps`)} and create an app (an “OAuth client”). ${outside(docsUrl, 'How it works there')}.`
        : html`Create an app (an “OAuth client”) at <strong class="code">${view.clientsAt}</strong>. Its documentation says where.`
    }</li>
${
  view.redirectUri === null
    ? ''
    : html`<li>Enter exactly this there:
${toCopy('app-name', 'name', 'Name', 'Keyward')}
${toCopy('homepage', 'homepage URL', 'Homepage URL (also “website” or “application URL”)', originOf(view.redirectUri))}
${toCopy('redirect-uri', 'redirect URI', 'Redirect URI (also “callback URL”)', view.redirectUri)}</li>`
}
${appSteps(view)}
${view.scopes.length === 0 ? '' : html`<li>If the app has a list of permissions (“scopes”), choose these: ${scopeList(view.scopes, view.scopeDescriptions)}${view.scopes.length === 1 ? '' : toCopy('scopes', 'permissions', 'Or all of them in one field', view.scopes.join(' '))}</li>`}
<li>Bring back what ${name} gives you for the app:
<form method="post" id="ask" novalidate>${formHead(view, 'auth-config')}${fields.map((field) => renderField(field, filled))}</form></li>
</ol>
${waysOn(view, 'Save and continue')}
${facts(view, around)}`,
  };
}

/** How often: for a vendor with one app for all of its services it is once for all of them. */
function once({ connector, family }: Step<'auth_config'>): Html | string {
  if (family === null) return 'You do this once.';
  const { vendor, examples, more } = family;
  const others = [...examples, ...(more > 0 ? [`${more} more services of ${vendor}`] : [])];
  const named = new Intl.ListFormat('en').format([connector.name, ...others]);
  return html`<strong>One app serves ${named}: you do this once.</strong>`;
}

/** The page of this Keyward; the redirect URI is its own. */
function originOf(redirectUri: string): string {
  return URL.canParse(redirectUri) ? new URL(redirectUri).origin : redirectUri;
}

/** One field of the service's form with its value; the script adds a button that copies it. */
function toCopy(id: string, about: string, label: string, value: string): Html {
  return html`<div class="copied"><label for="${id}">${label}</label>
<div class="beside"><textarea id="${id}" rows="1" readonly data-copy="${about}">${value}</textarea></div></div>`;
}

/** Whoever has no app may be done in a minute by another way: each is a form, which begins it. */
function otherWays(view: Step<'auth_config'>): Html | '' {
  if (view.others.length === 0) return '';
  return html`<section aria-labelledby="quicker"><h2 id="quicker">Quicker, without an app</h2>
<ul class="rows">${view.others.map(
    ({ authenticationType, title, takes }) =>
      html`<li><span><strong>${title}</strong>: ${takes}.</span><form method="post">${formHead(view, 'other-way')}<input type="hidden" name="way" value="${authenticationType}"><button class="side" aria-label="Use this instead: ${title}">Use this instead</button></form></li>`,
  )}</ul></section>
<h2>With an app of your own: some ten minutes, once</h2>`;
}

/**
 * What else has to be done with the app. The words of a file that is not Keyward's are set apart and said to be its
 * own, so that they pass for no instruction of this page.
 */
function appSteps({ appSteps, ownFile }: Step<'auth_config'>): Html | string {
  if (appSteps.length === 0) return '';
  const items = html`${appSteps.map((step) => html`<li>${step}</li>`)}`;
  if (!ownFile) return items;
  return html`<li>Whoever wrote this connector’s file adds, in words that Keyward has not checked:
<blockquote><ul>${items}</ul></blockquote>
Enter the client secret in the form below and nowhere else.</li>`;
}

/** The inputs of a connection: secrets and what else the service needs to know. */
export function inputsPage(view: Step<'inputs'>, around: Surroundings, filled: Filled): { title: string; body: Html } {
  const { name } = view.connector;
  const fields = readFields(view.schema);
  const secrets = fields.filter((field) => field.kind === 'secret');
  const given = { ...filled, values: { ...view.values, ...filled.values } };
  return {
    title: `Connect ${name}`,
    body: html`${renderProblems(fields, filled.problems)}
<h1>Connect ${name}</h1>
<p>${wishToUse(view)}. ${
      secrets.length > 0
        ? 'What you enter here goes straight into Keyward’s vault; it does not pass through the chat.'
        : 'It needs to know this first.'
    }</p>
${view.destination === null ? '' : html`<p>It is sent to <strong class="code">${view.destination}</strong>. Go on only if you know who runs that.</p>`}
${secrets.length === 0 || view.keyUrl === null ? '' : html`<p>${outside(view.keyUrl, html`Where to find ${secrets.length === 1 ? `the ${secrets[0]?.label}` : 'these'} at ${name}`)}</p>`}
<form method="post" id="ask" novalidate>${formHead(view, 'inputs')}${fields.map((field) => renderField(field, given))}</form>
${waysOn(view, 'Save and continue')}
${facts(view, around)}`,
  };
}

/** The buttons under a form; cancelling is a form of its own, so that Enter never cancels. */
function waysOn(view: Step<'auth_config' | 'inputs'>, text: string): Html {
  return html`<div class="actions"><button form="ask">${text}</button>${cancelForm(view)}</div>`;
}

function secretHint(view: Step<'auth_config'>): string | null {
  return view.secretNeeded ? null : `Leave it empty if ${view.connector.name} gave you none.`;
}

const plain = { description: null, example: null, required: true, initial: '', choices: [], file: null } as const;
const clientIdField: Field = { ...plain, name: 'clientId', label: 'Client ID', kind: 'text' };
const clientSecretField: Field = { ...plain, name: 'clientSecret', label: 'Client secret', kind: 'secret' };

/** The token of one party would be given to another. Both are named by their sites, which nobody else can use. */
export function handOverPage(view: Step<'hand_over'>, around: Surroundings): { title: string; body: Html } {
  const [tokenOf, givenTo] = [view.tokenOf, view.givenTo].map((site) => html`<strong class="code">${site}</strong>`);
  return {
    title: `Connect ${view.connector.name}`,
    body: html`<h1>A token of ${view.tokenOf} will be given to ${view.givenTo}</h1>
<p>${wish(view, 'connect')} ${givenTo}, which sends people to ${tokenOf} to sign in. What ${tokenOf} grants there, Keyward would send to ${givenTo}. Whoever runs ${givenTo} can then do with your account at ${tokenOf} whatever you agree to.</p>
<p>Many services let another company handle their sign-in. Go on only if you know that ${givenTo} has ${tokenOf} do that, or if both are yours. If you have other things at ${tokenOf}, such as mail or files, stop here.</p>
<form method="post" id="ask">${formHead(view, 'hand-over')}<input type="hidden" name="${fieldPrefix}agreement" value="${agreementTo(view)}">${choices(view)}</form>
<div class="actions"><button form="ask">Give ${view.givenTo} a token of ${view.tokenOf}</button>${cancelForm(view)}</div>
${facts(view, around)}`,
  };
}

/** What the sign-in server says itself that it has is chosen; what the receiver alone names, only the person can choose. */
function choices({ choices, scopes, scopeDescriptions, tokenOf, givenTo }: Step<'hand_over'>): Html {
  if (choices === null)
    return scopes.length === 0
      ? html``
      : html`<h2>Permissions that will be asked for</h2>${scopeList(scopes, scopeDescriptions)}`;
  if (choices.length === 0)
    return html`<p>No particular permissions are asked for; ${tokenOf} shows what it grants.</p>`;
  return html`<fieldset class="field"><legend>Permissions that ${givenTo} wants</legend>
<p class="hint">Those that are not ticked are not known to be permissions of ${tokenOf}. Tick one only if the documentation of ${givenTo} tells you to.</p>${choices.map(
    ({ name, known }) =>
      html`<label class="choice"><input type="checkbox" name="${fieldPrefix}scope ${name}" value="yes"${known ? html` checked` : ''}> <span><code>${name}</code></span></label>`,
  )}</fieldset>`;
}
