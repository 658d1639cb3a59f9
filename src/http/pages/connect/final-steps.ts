/** The steps after which nothing follows. */

import { html } from 'hono/html';
import { quoted } from '../../../text.ts';
import { type Html, icons } from '../page.ts';
import { againForm, outside, type Step, webUrl } from './page-parts.ts';

export function completedPage(view: Step<'completed'>): { title: string; body: Html } {
  const { name } = view.connector;
  const { credential } = view;
  const account = credential?.account ?? null;
  const unsure = credential?.unconfirmed ?? null;
  const title = unsure === null ? `${name} is connected` : `${name} is stored, but not confirmed`;
  return {
    title,
    body: html`<div class="badge${unsure === null ? '' : ' wait'}">${unsure === null ? icons.check : icons.clock}</div>
<h1>${title}</h1>
${account === null ? '' : html`<p>${name} says that it is the account <strong>${account}</strong>.</p>`}
${unsure === null ? '' : html`<p class="error">${unsure}</p>`}
<p>Keyward keeps the connection as <strong>${credential?.name ?? name}</strong>, encrypted. ${view.own ? 'Your assistants' : view.client === null ? 'The assistant' : quoted(view.client)} can use it now; you can ${view.own ? 'limit or delete it at any time' : 'have it deleted at any time by asking the assistant to do so'}.</p>
${view.own && credential !== null ? html`<p class="actions"><a class="button" href="/connections/${credential.id}">Go to the connection</a></p>` : onward(view.returnTo)}`,
  };
}

/** What a service refused comes with what the person can do about it; other hints are meant for the caller. */
export function failedPage(view: Step<'failed'>): { title: string; body: Html } {
  const { name } = view.connector;
  const declined = view.error.code === 'cancelled';
  return {
    title: declined ? `${name} was left alone` : `${name} is not connected`,
    body: html`<div class="badge ${declined ? 'wait' : 'bad'}">${icons.cross}</div>
<h1>${declined ? `You chose not to connect ${name}` : `${name} is not connected`}</h1>
${
  declined
    ? html`<p>No access was stored. If you change your mind, ${view.again ? 'start again' : 'ask the assistant to start again'}.</p>`
    : html`<p>${view.error.message}${view.error.code === 'provider_refused' ? ` ${view.error.hint ?? ''}` : ''}</p><p>No access was stored. ${afresh(view)}</p>`
}
${view.again ? html`<div class="actions">${againForm(view)}</div>` : ''}
${view.returnTo === null ? '' : onward(view.returnTo)}`,
  };
}

export function expiredPage(view: Step<'expired'>): { title: string; body: Html } {
  const { name } = view.connector;
  return {
    title: 'This link has expired',
    body: html`<div class="badge wait">${icons.clock}</div>
<h1>This link has expired</h1>
<p>A link to connect ${name} works for ten minutes, and for an hour while you register an app. No access was stored.</p>
${view.again ? html`<div class="actions">${againForm(view)}</div>` : html`<p>${afresh(view)}</p>`}`,
  };
}

/** How to try again. What a program asked for by itself, only that program begins anew. */
function afresh({ connector: { name }, again }: Step<'failed' | 'expired'>): string {
  return again
    ? 'To try again, start again here.'
    : `To try again, go back to the assistant and ask it to connect ${name} once more; it gets a fresh link.`;
}

/** Where the person goes from here. A link, never a redirect of a form. */
function onward(returnTo: string | null): Html {
  const url = returnTo === null ? null : webUrl(returnTo);
  return url === null
    ? html`<p>You can close this page and go back to the assistant.</p>`
    : html`<p class="actions">${outside(url, `Continue to ${new URL(url).host}`, 'button')}</p>`;
}
