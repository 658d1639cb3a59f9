/** What a person reads before a program comes in: who it is, where it goes back to, and what it may do. */
import { html } from 'hono/html';
import { givenByName, lifetimesInDays, usualLifetimeInDays } from '../../broker/authorization/choice.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import { type Owner, type Scope, subjectOf } from '../../principal.ts';
import { quoted } from '../../text.ts';
import { data, type Html, page } from '../pages/page.ts';
import { destinationOf } from './redirect-uris.ts';
import type { Request } from './request.ts';

/** What there is to give. `services` are names of connectors by id. */
export type Offer = {
  readonly connections: readonly ConnectionView[];
  readonly services: ReadonlyMap<string, string>;
};

type Around = { readonly csrf: string; readonly person: Owner; readonly host: string; readonly offer: Offer };

/** What each scope lets a program do, as the end of “It may …”. */
const mayDo: Readonly<Partial<Record<Scope, string>>> = {
  'credentials:read': 'see your connections: their names, accounts and states, and no secrets',
  'credentials:write': 'start new connections, which you finish yourself, and rename or delete connections',
  'credentials:use': 'use your connections: call their services in your name',
  'credentials:release': 'read the secrets themselves, and take them elsewhere',
  'credentials:share': 'ask you to share connections with others',
};

/** @param problem what was wrong with the answer before */
export function consentPage(request: Request, around: Around, problem?: string): Html {
  const { csrf, person, host, offer } = around;
  const { scopes } = request;
  const title = `Let ${request.name === null ? 'this program' : quoted(request.name)} in?`;
  const head = html`<input type="hidden" name="csrf" value="${csrf}">`;
  const byName = scopes.filter((scope) => givenByName.includes(scope));
  return page({
    title: problem === undefined ? title : `To correct: ${title}`,
    body: html`<h1>${title}</h1>
${problem === undefined ? '' : html`<div class="problems" role="alert" tabindex="-1" autofocus><p>${problem}</p></div>`}
<p>It wants to use the connections that Keyward keeps for you. You are signed in as <strong>${subjectOf(person.user)}</strong>.</p>
<dl class="facts"><dt>Program</dt><dd>${request.name === null ? 'It says no name.' : data(request.name)}</dd>
<dt>Vouched for by</dt><dd>${vouched(request)}</dd>
<dt>Goes back to</dt><dd>${destination(request)}</dd></dl>
<p><strong>Let it in only if you started this yourself, just now.</strong> If a page or a message sent you here, say no.</p>
<form method="post">${head}<input type="hidden" name="answer" value="no"><button class="side">No, keep it out</button></form>
<form method="post">${head}<input type="hidden" name="answer" value="yes">
<h2>It may</h2>
<ul>${scopes.filter((scope) => !givenByName.includes(scope)).map((scope) => html`<li>${mayDo[scope]}</li>`)}</ul>
${byName.length === 0 ? '' : html`<fieldset class="field"><legend>It also asks to</legend>${byName.map((scope) => box('scope', scope, mayDo[scope] ?? scope))}</fieldset>`}
<fieldset class="field"><legend>With which connections</legend>
${way('all', 'All of them, also those that you add later')}
${
  offer.connections.length === 0
    ? ''
    : html`${way('connections', 'Only these:')}<div class="within">${offer.connections.map(choice)}</div>
${way('connectors', 'Only those of these services, also later ones:')}<div class="within">${[...offer.services].map(([id, name]) => box('connector', id, name))}</div>`
}</fieldset>
<fieldset class="field"><legend>How far</legend>${box('readOnly', 'yes', 'Reading only: it changes nothing, at the services or here')}</fieldset>
<div class="field"><label for="days">For how long</label><select id="days" name="days">${lifetimesInDays.map((days) => html`<option value="${days}"${days === usualLifetimeInDays ? html` selected` : ''}>${days === 1 ? 'a day' : `${days} days`}</option>`)}</select>
<p class="hint">You can end it at any time, on your page of Keyward.</p></div>
<div class="actions"><button>Let it in</button></div></form>`,
    foot: `This page comes from Keyward at ${host}.`,
  });
}

/** The way back, which is no redirect of the form: `form-action 'self'` forbids that in Chromium. */
export function leavingPage(request: Request, goTo: string, isLetIn: boolean): Html {
  const title = isLetIn ? 'You let it in' : 'You kept it out';
  return page({
    title,
    body: html`<h1>${title}</h1><p>Now it goes back to ${destination(request)}.</p>
<p class="actions"><a class="button" href="${goTo}">Go back</a></p>`,
    goTo,
  });
}

function way(value: string, words: string): Html {
  return html`<label class="choice"><input type="radio" name="which" value="${value}" required> <span>${words}</span></label>`;
}

function box(name: string, value: string, words: string | Html): Html {
  return html`<label class="choice"><input type="checkbox" name="${name}" value="${value}"> <span>${words}</span></label>`;
}

function choice({ credentialId, name, connectorId, account }: ConnectionView): Html {
  const about = account === null || account === undefined ? connectorId : html`${connectorId}, ${data(account)}`;
  return box('connection', credentialId, html`${data(name)} <span class="soft small">${about}</span>`);
}

function vouched({ vouchedBy, redirectUri }: Request): Html {
  if (vouchedBy === null)
    return html`<strong>nobody</strong>. It registered itself, and may call itself what it likes.`;
  const site = destinationOf(redirectUri).kind === 'site';
  return html`<span class="code">${vouchedBy}</span>${site ? '' : '. But any program on this computer can say that it is this one.'}`;
}

function destination({ redirectUri }: Request): Html {
  const { kind, text } = destinationOf(redirectUri);
  if (kind === 'site') return html`<span class="code">${text}</span>`;
  if (kind === 'computer') return html`a program on this computer, at <span class="code">${text}</span>`;
  return html`the app on this computer that opens <span class="code">${text}:</span> links`;
}
