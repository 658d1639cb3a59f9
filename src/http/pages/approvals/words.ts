/** A request in words: the same for a page and its entry in the list. */

import { html } from 'hono/html';
import { askerOf, hostsOf, plainName } from '../../../broker/approvals/answers.ts';
import type { ApprovalView, AskedCall, CallRule, ToolDifference } from '../../../broker/approvals/page.ts';
import { maxClient } from '../../../broker/approvals/state.ts';
import { headOf } from '../../../broker/calls/asked-call.ts';
import { type CallPolicy, inWords, readingPolicy } from '../../../broker/calls/policy.ts';
import { differenceOf } from '../../../broker/mcp-servers/difference.ts';
import { quoted, visible, visibleName } from '../../../text.ts';
import { data, type Html, minutesLeft } from '../page.ts';

/** What a list shows, for its script to notice when that changed. */
export function listStep(views: readonly ApprovalView[]): string {
  return `list ${views.map(({ approvalId, state, askedAt }) => `${approvalId.slice(0, 8)}-${state}-${askedAt}`).join(' ')}`.trim();
}

/** The connection that it is about, before what else stands in a line. */
export function whichConnection({ facts: { connection } }: ApprovalView): Html | string {
  if (connection === null) return '';
  return html`${data(connection.name)} · ${connection.account === null ? '' : html`${data(connection.account)} · `}`;
}

/** What is asked, as a heading. It speaks of service and host, never of a name that somebody chose. */
export function question(view: ApprovalView): string {
  const questions = {
    release: `Release the secret of ${place(view)}?`,
    share: `Share ${place(view)}?`,
    policy: `Allow more calls to ${place(view)}?`,
    host: `Let ${askerOf(view)} reach ${hostsOf(view)}?`,
    reconnect: `Change what ${place(view)} is connected to?`,
    call: `Let ${askerOf(view)} ${callOf(view)} ${place(view)}?`,
    delete: `Delete the connection to ${place(view)}?`,
    tools: `Accept what ${place(view)} offers now?`,
  } as const;
  return questions[view.act];
}

/** Who asks, as the start of a sentence. */
export function askedFor({ client }: ApprovalView): string {
  return client === null ? 'An assistant on this Keyward' : quoted(client, maxClient);
}

function place(view: ApprovalView): string {
  return `${view.facts.service} (${hostsOf(view)})`;
}

/** What a yes leads to. */
export function whatItMeans(view: ApprovalView): Html {
  const { act, details, facts } = view;
  const { service, connection } = facts;
  switch (act) {
    case 'release':
      return html`<p>${askedFor(view)} wants to read the secret itself. Whoever has it can do at ${service} whatever this connection may do, outside of Keyward too and as long as the secret is good. To use the connection through Keyward it needs no secret.</p>`;
    case 'share':
      return html`<p>${askedFor(view)} wants to let ${granteeInWords(details.with ?? '')} ${
        details.permission === 'use'
          ? html`use your ${service} connection: ${calls(details.policy ?? readingPolicy)}. They act there as you, and see its name, account and state`
          : html`see the name, account and state of your ${service} connection`
      }. They never see the secret. It lasts until you take it back, which you can at any time.</p>`;
    case 'policy':
      return html`<p>${askedFor(view)} wants this connection to be good for more at ${service}.</p>
<p>Allowed now: ${calls(connection?.policy ?? null)}.<br>Allowed then: ${calls(details.policy ?? null)}.</p>
<p>It lasts until you limit the connection again.</p>`;
    case 'host':
      return html`<p>${askedFor(view)} wants to make a connection of the kind “${service}” to an address that it named. It can then send there whatever it knows, from this conversation and from your other connections. Nothing has been sent yet. A yes is good for ten minutes, and a connection that is made then keeps its host.</p>
<p>Do you know who runs ${hostList(facts.hosts)}?</p>`;
    case 'reconnect':
      return html`<p>${askedFor(view)} wants to connect this again${details.code === true ? ' by a code. Whoever enters that code at the service decides which account it is' : ''}. What your assistants save with this connection can then end up in another account or place than before. Who it is shared with stays as it is.</p>`;
    case 'call':
      return details.call === undefined ? messageShown(view) : callShown(view, details.call);
    case 'delete':
      return html`<p>${askedFor(view)} wants to delete this connection, and to end its access at ${service} where that can be done. You asked to be asked before things are done with it. Shares of it end, and it has to be connected anew to be used again.</p>`;
    case 'tools':
      return html`<p>Once you accept it, what is new or changed at ${service} counts as seen by you, and may be used as your rules say. Its server wrote these texts, and your assistant reads them: look for anything that tells it what to do.</p>
${(details.tools ?? []).map(difference)}`;
  }
}

/** `send this POST to`, `use the tool create_issue of`. */
function callOf({ details: { call, item } }: ApprovalView): string {
  if (call !== undefined) return `send this ${call.method} to`;
  return `use ${item === undefined ? 'it' : `the ${item.kind} ${plainName(item.name)}`} of`;
}

function messageShown(view: ApprovalView): Html {
  const { item, message = '' } = view.details;
  const what = item === undefined ? 'it' : `the ${item.kind} ${plainName(item.name)}`;
  return html`<p>${askedFor(view)} wants to use ${what}. You asked to be asked before that.${standingInWords[item?.standing ?? 'seen']}</p>
<p>This is sent to ${view.facts.service}, and beside it only which program calls, in which session and version of the protocol:</p>
${shownText(message)}`;
}

/** The call as it is sent: the line of the request, the headers of the caller, and the body. */
function callShown(view: ApprovalView, call: AskedCall): Html {
  const { body, bytes } = call;
  return html`<p>${askedFor(view)} wants to make this call. You asked to be asked before that.</p>
<p>This is sent, with the credential of the connection and what Keyward adds for each call of ${view.facts.service}, and nothing else:</p>
${shownText(headOf(call))}
${
  body === null
    ? html`<p>It has no body.</p>`
    : html`<p>Its body, ${bytes} ${bytes === 1 ? 'byte' : 'bytes'}:</p>
${shownText(body)}`
}`;
}

/** HTML drops a line break that is the first thing in this element, so there is always one to drop. */
function shownText(text: string): Html {
  return html`<pre class="text" dir="ltr">
${visible(text)}</pre>`;
}

const standingInWords = {
  seen: '',
  new: ' You have not seen it yet: it is new at the server.',
  changed: ' It is not what it was when you saw it: the server changed it.',
} as const;

function difference({ kind, name, before, after }: ToolDifference): Html {
  const lines = differenceOf(before, after);
  const signs = { ' ': 'same', '-': 'gone', '+': 'new' } as const;
  return html`<h2>${before === null ? 'New' : 'Changed'}: the ${kind} <code>${visibleName(name)}</code></h2>
<pre class="text" dir="ltr">${lines.map(({ sign, text }) => html`<span class="${signs[sign]}">${sign} ${text}\n</span>`)}</pre>`;
}

/** The facts a person needs before answering, as they were when it was asked: service and host first. */
export function facts(
  { client, facts: { service, hosts, connection }, act, details, expiresAt }: ApprovalView,
  now: number,
): Html {
  const inputs = Object.entries(details.inputs ?? {});
  const before = (name: string) =>
    act === 'reconnect' ? html`${data(connection?.inputs[name] ?? 'nothing')}, then ` : '';
  return html`<dl class="facts">
<dt>Service</dt><dd>${service}</dd>
<dt>${hosts.length === 1 ? 'Host' : 'Hosts'}</dt><dd>${hostList(hosts)}</dd>
${inputs.map(([name, value]) => html`<dt>${name}</dt><dd>${before(name)}${data(value)}</dd>`)}
${
  connection === null
    ? ''
    : html`<dt>Account</dt><dd>${connection.account === null ? 'not known: it was never verified' : data(connection.account)}</dd>
<dt>Named</dt><dd>${data(connection.name)}${connection.renamed === null ? '' : html`, renamed ${ago(now - connection.renamed.at)} from ${data(connection.renamed.from)}`}</dd>
<dt>Connected</dt><dd><time datetime="${new Date(connection.connectedAt).toISOString()}">${ago(now - connection.connectedAt)}</time></dd>`
}
<dt>Asked by</dt><dd>${client === null ? 'an assistant on this Keyward' : data(client)}</dd>
<dt>Open for</dt><dd><time datetime="${new Date(expiresAt).toISOString()}">${minutesLeft(expiresAt - now)}</time></dd>
</dl>`;
}

/** 10 seconds ago, 5 minutes ago, 3 hours ago, 12 days ago. */
function ago(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1_000));
  const [count, unit] =
    seconds < 60
      ? [seconds, 'second']
      : seconds < 3_600
        ? [Math.floor(seconds / 60), 'minute']
        : seconds < 86_400
          ? [Math.floor(seconds / 3_600), 'hour']
          : [Math.floor(seconds / 86_400), 'day'];
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

function hostList(hosts: readonly string[]): Html {
  return html`${hosts.map((host, at) => html`${at === 0 ? '' : ', '}<span class="code">${host}</span>`)}`;
}

function granteeInWords(grantee: string): Html {
  const [kind = '', ...rest] = grantee.split(':');
  const name = data(rest.join(':'));
  return kind === 'tenant' ? html`everybody of the tenant ${name}` : html`the user ${name}`;
}

function calls(policy: CallPolicy | null): Html {
  const { tools, ask = [], ...rule } = policy ?? { methods: null, paths: null };
  if (tools) return html`${inWords({ ...rule, tools }).replace(/\.$/, '')}`;
  if (ask.length === 0) return ruled(rule);
  const asked = ask.map((one, at) => html`${at === 0 ? '' : '; '}${ruled(one)}`);
  return html`${ruled(rule)}, and of these you are asked first: ${asked}`;
}

function ruled({ methods, except = [], paths }: CallRule): Html {
  const list = (values: readonly string[]) =>
    values.map((value, at) => html`${at === 0 ? '' : ', '}<code>${value}</code>`);
  const every = except.length === 0 ? 'every method' : html`every method but ${list(except)}`;
  return html`${methods === null ? every : list(methods)} on ${paths === null ? 'every path' : list(paths)}`;
}
