/** A request in words: the same for a page and its entry in the list. */

import { html } from 'hono/html';
import type { ApprovalView, ToolDifference } from '../../../broker/approvals/page.ts';
import { maxClient } from '../../../broker/approvals/state.ts';
import { type CallPolicy, inWords, readingPolicy } from '../../../broker/calls/policy.ts';
import { differenceOf } from '../../../broker/mcp-servers/difference.ts';
import { oneLine, quoted, visible, visibleName } from '../../../text.ts';
import { data, type Html, minutesLeft } from '../page.ts';

/** What is asked, as a heading. It speaks of service and host, never of a name that somebody chose. */
export function question(view: ApprovalView): string {
  const questions = {
    release: `Release the secret of ${place(view)}?`,
    share: `Share ${place(view)}?`,
    policy: `Allow more calls to ${place(view)}?`,
    host: `Let ${asker(view)} reach ${hostsOf(view)}?`,
    reconnect: `Change what ${place(view)} is connected to?`,
    call: `Let ${asker(view)} use ${itemOf(view)} of ${place(view)}?`,
    tools: `Accept what ${place(view)} offers now?`,
  } as const;
  return questions[view.act];
}

/** What the buttons say: the act, and its refusal. */
export function buttons(view: ApprovalView): { readonly yes: string; readonly no: string } {
  return {
    release: { yes: 'Release once', no: 'Don’t release' },
    share: { yes: 'Share', no: 'Don’t share' },
    policy: { yes: 'Allow these calls', no: 'Don’t allow' },
    host: { yes: `Let ${asker(view)} reach ${hostsOf(view)}`, no: 'Don’t let it' },
    reconnect: { yes: 'Let it be changed', no: 'Keep it as it is' },
    call: { yes: 'Allow this call', no: 'Don’t allow it' },
    tools: { yes: 'Accept these tools', no: 'Don’t accept' },
  }[view.act];
}

/** Who asks, as the start of a sentence. */
export function askedFor({ client }: ApprovalView): string {
  return client === null ? 'An assistant on this Keyward' : quoted(client, maxClient);
}

/** Who asks, within a sentence. */
function asker({ client }: ApprovalView): string {
  return client === null ? 'an assistant' : quoted(client, maxClient);
}

function place(view: ApprovalView): string {
  return `${view.facts.service} (${hostsOf(view)})`;
}

/** All hosts where they are few; the page lists them anyway. */
function hostsOf({ facts: { hosts } }: ApprovalView): string {
  const [first = 'no host', ...more] = hosts;
  return more.length === 0 ? first : more.length === 1 ? `${first} and ${more[0]}` : `${first} and ${more.length} more`;
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
      }. They never see the secret. You can take it back at any time.</p>`;
    case 'policy':
      return html`<p>${askedFor(view)} wants this connection to be good for more at ${service}.</p>
<p>Allowed now: ${calls(connection?.policy ?? null)}.<br>Allowed then: ${calls(details.policy ?? null)}.</p>`;
    case 'host':
      return html`<p>${askedFor(view)} wants to make a connection of the kind “${service}” to an address that it named. It can then send there whatever it knows, from this conversation and from your other connections. Nothing has been sent yet.</p>
<p>Do you know who runs ${hostList(facts.hosts)}?</p>`;
    case 'reconnect':
      return html`<p>${askedFor(view)} wants to connect this again${details.code === true ? ' by a code. Whoever enters that code at the service decides which account it is' : ''}. What your assistants save with this connection can then end up in another account or place than before. Who it is shared with stays as it is.</p>`;
    case 'call':
      return html`<p>${askedFor(view)} wants to use ${itemOf(view)}. You asked to be asked before that.${standingInWords[details.item?.standing ?? 'seen']}</p>
<p>This is sent to ${service}, and beside it only which program calls, in which session and version of the protocol:</p>
<pre class="text" dir="ltr">${visible(details.message ?? '')}</pre>`;
    case 'tools':
      return html`<p>Once you accept it, what is new or changed at ${service} counts as seen by you, and may be used as your rules say. Its server wrote these texts, and your assistant reads them: look for anything that tells it what to do.</p>
${(details.tools ?? []).map(difference)}`;
  }
}

/** What a call uses, by its name, in which nothing looks like something else. */
export function itemOf({ details: { item } }: ApprovalView): string {
  return item === undefined ? 'it' : `the ${item.kind} ${oneLine(visibleName(item.name), maxItem) ?? ''}`;
}

/** A page shows as much of the name of a tool, in characters. */
const maxItem = 150;

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
<dt>Asked by</dt><dd>${client ?? 'an assistant on this Keyward'}</dd>
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
  if (policy?.tools) return html`${inWords(policy).replace(/\.$/, '')}`;
  const { methods, paths } = policy ?? { methods: null, paths: null };
  const list = (values: readonly string[]) =>
    values.map((value, at) => html`${at === 0 ? '' : ', '}<code>${value}</code>`);
  return html`${methods === null ? 'every method' : list(methods)} on ${paths === null ? 'every path' : list(paths)}`;
}
