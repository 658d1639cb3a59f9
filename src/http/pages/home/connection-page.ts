/** The page of a connection: what is known of it, how it is used, and everything its owner can do about it. */
import { html } from 'hono/html';
import type { Lately } from '../../../broker/credentials/lately.ts';
import type { ConnectionPage } from '../../../broker/credentials/page.ts';
import type { verifyCredential } from '../../../broker/credentials/verify.ts';
import { subjectOf } from '../../../principal.ts';
import { data, type Html } from '../page.ts';
import { codePart } from './connection-code.ts';
import { rulesInWords } from './connection-rules.ts';
import { sharesPart } from './connection-shares.ts';
import type { Shown, Visit } from './desk.ts';
import { problemPart, textField } from './fields.ts';
import { pageOf } from './own-request.ts';
import { ago, day, stateInWords } from './states.ts';

export type PageOfConnection = {
  readonly view: ConnectionPage;
  readonly visit: Visit;
  /** What stands for the base URL of the service, for programs; null at the owner's own computer. */
  readonly gateway: string | null;
  /** Null for a connection of somebody else. */
  readonly lately: Lately | null;
  /** The form that takes it out of the person's lists; null where there is none. */
  readonly giveBack: Html | null;
  /** What its service said just now. */
  readonly verified?: Awaited<ReturnType<typeof verifyCredential>>;
  /** What of a form has to be corrected. */
  readonly wrong?: { readonly act: 'rename' | 'share'; readonly form: URLSearchParams; readonly problem: string };
};

export function connectionPage(shown: PageOfConnection): Shown {
  const { view, verified, wrong } = shown;
  const title = `${view.name} (${view.service})`;
  return {
    at: '/',
    title: wrong === undefined ? title : `To correct: ${title}`,
    ...(verified !== undefined && { isOutcome: true as const }),
    body: html`<p class="back"><a href="/">Your connections</a></p>
<h1>${data(view.name)}</h1>
<p>${stateInWords(view.attention, view)}</p>
${verified === undefined ? '' : outcome(verified, view)}${view.own === null ? '' : stateForms(shown)}
${facts(shown)}${view.own === null ? sharedPart(shown) : rulesPart(view)}${codePart(view, shown.gateway)}${view.own === null ? '' : ownerParts(shown)}`,
  };
}

/** A form of one button, which does one thing to this connection. */
function act(view: ConnectionPage, visit: Visit, name: string, button: string, quiet = true): Html {
  return html`<form method="post" action="${pageOf(view.credentialId)}/${name}"><input type="hidden" name="csrf" value="${visit.csrf}"><button${quiet ? html` class="side"` : ''}>${button}</button></form>`;
}

function outcome({ status, account, detail }: NonNullable<PageOfConnection['verified']>, view: ConnectionPage): Html {
  const who = account === undefined ? '' : html` It is the account ${data(account)}.`;
  if (status !== 'active')
    return html`<p role="status">Checked just now: ${view.service} does not take it any more.</p>`;
  return html`<p role="status">${detail === undefined ? html`Checked just now: ${view.service} takes it.${who}` : data(detail)}</p>`;
}

/** What can be done about its state. */
function stateForms({ view, visit }: PageOfConnection): Html {
  const broken = view.attention?.kind === 'reconnect' || view.attention?.kind === 'ended';
  const again = view.oauth
    ? `Connected again, it keeps its name, its rules and its shares. You decide at ${view.service} once more.`
    : 'Connected again, it keeps its name, its rules, its shares and all that is no secret. You enter the secret anew.';
  return html`<div class="actions">${broken ? '' : act(view, visit, 'verify', 'Check it now')}${act(view, visit, 'reconnect', 'Connect it again', !broken)}</div>
<p class="soft small">${again}</p>
${toLookAt(view, visit)}${undo(view, visit)}`;
}

/** What is new or changed at an MCP server, and the way to its page. */
function toLookAt(view: ConnectionPage, visit: Visit): Html | '' {
  const words = view.own?.toSee ?? null;
  if (words === null) return '';
  return html`<section aria-labelledby="tools"><h2 id="tools">Changed at the server</h2><p>${words} since you saw them. Until you accept that, it is not used.</p>${act(view, visit, 'tools', 'Look at what changed')}</section>`;
}

/** Who gave this connection another secret, and the way back. */
function undo(view: ConnectionPage, visit: Visit): Html | '' {
  const replaced = view.own?.replaced ?? null;
  if (replaced === null || view.attention?.kind === 'ended') return '';
  const { client, account, at, until } = replaced;
  const hours = Math.ceil((until - visit.now) / 3_600_000);
  return html`<section aria-labelledby="before"><h2 id="before">Connected again</h2>
<p>By ${client === null ? 'an assistant' : data(client)}, ${ago(at, visit.now)}${account === null ? '' : html`; until then it was ${data(account)}`}. What it had before is kept for ${hours <= 1 ? 'less than an hour' : `another ${hours} hours`}.</p>${act(view, visit, 'revert', 'Bring back what it had before')}</section>`;
}

const ways: Readonly<Record<string, string>> = {
  oauth2: 'signing in at the service (OAuth)',
  oauth2_client_credentials: 'an OAuth client of its own',
  oauth2_jwt_bearer: 'the key of a service account',
  api_key: 'an API key',
  bearer: 'a token',
  basic: 'a user name and a password',
};

const madeBy = {
  tool: 'An assistant that sent the secret along',
  page: 'You, on a page of Keyward or with a command',
  elicitation: 'You, on a page that an assistant asked for',
  rest: 'A program, over REST',
} as const;

function facts({ view, visit }: PageOfConnection): Html {
  const { service, account, hosts, baseUrl, scopes, own, sharedBy, lastUsedAt, createdAt } = view;
  return html`<dl class="facts">
<dt>Service</dt><dd>${service}</dd>
${sharedBy === undefined ? '' : html`<dt>Shared by</dt><dd>${sharedBy}</dd>`}
<dt>Account</dt><dd>${account === undefined ? 'not known: its service did not name one' : data(account)}</dd>
<dt>Way</dt><dd>${view.way ?? ways[view.authenticationType] ?? view.authenticationType}</dd>
${scopes === undefined || scopes.length === 0 ? '' : html`<dt>Scopes</dt><dd>${scopes.map((scope) => html`<code>${scope}</code> `)}</dd>`}
<dt>${hosts.length === 1 ? 'Host' : 'Hosts'}</dt><dd>${hosts.map((host, at) => html`${at === 0 ? '' : ', '}<code>${host}</code>`)}</dd>
${baseUrl === undefined ? '' : html`<dt>Base URL</dt><dd><code>${baseUrl}</code></dd>`}
<dt>Last use</dt><dd>${lastUsedAt === null ? 'not used yet' : ago(Date.parse(lastUsedAt), visit.now)}</dd>
<dt>Made</dt><dd>${day(Date.parse(createdAt))}${own === null || own.grantedAt - Date.parse(createdAt) < 60_000 ? '' : html`, connected again ${day(own.grantedAt)}`}</dd>
${own === null ? '' : html`<dt>Made by</dt><dd>${madeBy[own.obtainedBy]}</dd>`}
<dt>Id</dt><dd><code>${view.credentialId}</code></dd>
</dl>`;
}

/** What a person may do with a connection of somebody else. */
function sharedPart({ view, giveBack }: PageOfConnection): Html {
  const { access, policy, sharedPolicies = [] } = view;
  const rules = [...(policy ? [policy] : []), ...sharedPolicies];
  return html`<section aria-labelledby="may"><h2 id="may">What you may do</h2>
${
  access === 'use'
    ? html`<p>Your assistants and programs can use it. What they send goes to an account that is not yours.</p><ul>${rules.map((one) => html`<li>${rulesInWords(one)}</li>`)}</ul>`
    : html`<p>You see that it is there, and its state. You can’t call it.</p>`
}
<p>Only its owner can change it.</p>${giveBack ?? ''}</section>`;
}

function rulesPart(view: ConnectionPage): Html {
  return html`<section aria-labelledby="rules"><h2 id="rules">What it may be called for</h2><p>${rulesInWords(view.policy ?? null)}</p><p><a href="${pageOf(view.credentialId)}/rules">Change the rules</a></p></section>`;
}

function ownerParts({ view, visit, gateway, lately, wrong }: PageOfConnection): Html {
  const typed = wrong?.act === 'share' ? wrong : undefined;
  // Where one person is there is nobody to share with.
  const isShared = gateway !== null || (view.shares ?? []).length > 0;
  return html`${isShared ? sharesPart(view, visit, typed) : ''}${lately === null ? '' : latelyPart(lately, view.credentialId, visit)}
<section aria-labelledby="more"><h2 id="more">Rename or delete</h2>
<form method="post" action="${pageOf(view.credentialId)}/rename"><input type="hidden" name="csrf" value="${visit.csrf}">${wrong?.act === 'rename' ? problemPart(wrong.problem) : ''}
${textField({ name: 'name', label: 'Name', value: wrong?.act === 'rename' ? (wrong.form.get('name') ?? '') : view.name, required: true })}
<div class="actions"><button class="side">Rename it</button><a href="${pageOf(view.credentialId)}/delete">Delete this connection</a></div></form></section>`;
}

const acts: Readonly<Record<string, string>> = {
  'credential.call': 'called it',
  'credential.verify': 'checked it',
  'credential.create': 'made it',
  'credential.reconnect': 'connected it again',
  'credential.revert': 'brought back what it had before',
  'credential.update': 'changed its name or rules',
  'credential.share': 'changed its shares',
  'credential.release': 'read its secret',
  'credential.end': 'ended it',
  'credential.refresh': 'renewed its token',
  'approval.ask': 'asked for your yes',
  'approval.approve': 'said yes',
  'approval.deny': 'said no',
  'offer.take': 'took the offer',
  'offer.decline': 'declined the offer',
};

function latelyPart({ events, lookedTo }: Lately, credentialId: string, { owner, now }: Visit): Html {
  const rows = events.map(({ time, user, client, action, request, outcome, count }) => {
    const who = [user === owner.user ? null : subjectOf(user), client].filter((one) => one != null).join(', ');
    const what = request === undefined ? (acts[action] ?? action) : html`<code>${request}</code>`;
    const end = outcome === 'allowed' ? '' : `, ${outcome}`;
    return html`<li>${who === '' ? 'You' : data(who)}: ${what}${end}${count === undefined ? '' : ` (${count} times)`} <span class="soft small">${ago(Date.parse(time), now)}</span></li>`;
  });
  const since = lookedTo === null ? 'Nothing yet.' : `Nothing since ${lookedTo.slice(0, 10)}.`;
  const note =
    lookedTo === null ? '' : html`<p><a href="/activity?connection=${credentialId}">What happened before that</a></p>`;
  return html`<section aria-labelledby="lately"><h2 id="lately">Used lately</h2>${rows.length === 0 ? html`<p>${since}</p>` : html`<ol class="events">${rows}</ol>`}${note}</section>`;
}
