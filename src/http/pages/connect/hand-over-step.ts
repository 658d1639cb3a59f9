/** The step at which the token of one party would be given to another. */
import { html } from 'hono/html';
import { agreementTo } from '../../../broker/connect/page.ts';
import type { Html } from '../page.ts';
import { fieldPrefix } from './form.ts';
import { asker, cancelForm, facts, formHead, type Step, type Surroundings, scopeList } from './page-parts.ts';

/** Both parties are named by their sites, which nobody else can use. */
export function handOverPage(view: Step<'hand_over'>, around: Surroundings): { title: string; body: Html } {
  const [tokenOf, givenTo] = [view.tokenOf, view.givenTo].map((site) => html`<strong class="code">${site}</strong>`);
  return {
    title: `Connect ${view.connector.name}`,
    body: html`<h1>A token of ${view.tokenOf} will be given to ${view.givenTo}</h1>
<p>${asker(view)} wants to connect ${givenTo}, which sends people to ${tokenOf} to sign in. What ${tokenOf} grants there, Keyward would send to ${givenTo}. Whoever runs ${givenTo} can then do with your account at ${tokenOf} whatever you agree to.</p>
<p>Many services let another company handle their sign-in. Go on only if you know that ${givenTo} has ${tokenOf} do that, or if both are yours. If you have other things at ${tokenOf}, such as mail or files, stop here.</p>
<form method="post" id="ask">${formHead(view, 'hand-over')}<input type="hidden" name="${fieldPrefix}agreement" value="${agreementTo(view)}">${choices(view)}</form>
<div class="actions"><button form="ask">Give ${view.givenTo} a token of ${view.tokenOf}</button>${cancelForm(view)}</div>
${facts(view, around)}`,
  };
}

/** What the sign-in server says itself that it has is chosen; what the receiver alone names, only the person can choose. */
function choices({ choices, scopes, tokenOf, givenTo }: Step<'hand_over'>): Html {
  if (choices === null)
    return scopes.length === 0 ? html`` : html`<h2>Permissions that will be asked for</h2>${scopeList(scopes)}`;
  if (choices.length === 0)
    return html`<p>No particular permissions are asked for; ${tokenOf} shows what it grants.</p>`;
  return html`<fieldset class="field"><legend>Permissions that ${givenTo} wants</legend>
<p class="hint">Those that are not ticked are not known to be permissions of ${tokenOf}. Tick one only if the documentation of ${givenTo} tells you to.</p>${choices.map(
    ({ name, known }) =>
      html`<label class="choice"><input type="checkbox" name="${fieldPrefix}scope ${name}" value="yes"${known ? html` checked` : ''}> <span><code>${name}</code></span></label>`,
  )}</fieldset>`;
}
