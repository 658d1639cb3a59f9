/** A request for approval in words, and the person's answer to it, at a terminal. */
import { answersTo, doneForMinutes } from '../../broker/approvals/answers.ts';
import type { ApprovalView, AskedCall, Decision, ToolDifference } from '../../broker/approvals/page.ts';
import { grantMinutes, hasMinutes, maxClient } from '../../broker/approvals/state.ts';
import { headOf } from '../../broker/calls/asked-call.ts';
import { inWords, readingPolicy } from '../../broker/calls/policy.ts';
import { isoTime } from '../../broker/credentials/view.ts';
import { differenceOf } from '../../broker/mcp-servers/difference.ts';
import { quoted, visible, visibleName } from '../../text.ts';

import { plain } from './table.ts';

/** What the person typed, as a decision; null leaves the request as it is. */
export async function askDecision(
  view: ApprovalView,
  ask: (prompt: string) => Promise<string>,
): Promise<Decision | null> {
  const { yes, no } = answersTo(view);
  const minutes = hasMinutes(view.act) ? `, ${grantMinutes.join(', ')} for so many minutes` : '';
  const prompt =
    view.state === 'granted'
      ? 'e ends it, Enter leaves it: '
      : plain(`y: ${yes}${minutes}, n: ${no}, Enter leaves it: `);
  for (;;) {
    const typed = (await ask(prompt)).trim().toLowerCase();
    if (typed === '') return null;
    if (view.state === 'granted') {
      if (typed === 'e') return { answer: 'end' };
    } else if (typed === 'y' || typed === 'n') return { answer: typed === 'y' ? 'once' : 'deny' };
    else if (hasMinutes(view.act) && grantMinutes.some((offered) => String(offered) === typed)) {
      return { answer: 'minutes', minutes: Number(typed) };
    }
  }
}

/** One request as a line: what is asked, by whom, about what. */
export function approvalText(view: ApprovalView): string {
  const { client, facts, act, details, releaseUntil, state } = view;
  const { service, hosts, connection } = facts;
  const who = client === null ? 'An assistant' : quoted(client, maxClient);
  const wants = {
    release: 'wants to read the raw secret',
    share: `wants to share the connection: ${details.with}, ${details.permission}. ${details.permission === 'use' ? inWords(details.policy ?? readingPolicy) : ''}`,
    policy: `wants to allow more calls. ${details.policy ? inWords(details.policy) : 'Every call.'}`,
    host: `wants to reach ${hosts.join(', ')}, as ${given(details.inputs)}`,
    reconnect: `wants to change which account or place it stands for. ${given(details.inputs)}`,
    call:
      details.call === undefined
        ? `wants to use ${itemInWords(details.item)}. Sent is: ${visible(details.message ?? '')}`
        : callInWords(details.call),
    delete: 'wants to delete the connection, and to end its access at the service',
    tools: `wants what is new or changed to count as seen by you: ${(details.tools ?? []).map(toolInWords).join(' ')}`,
  }[act];
  const until =
    state === 'granted'
      ? `; may ${doneForMinutes(view)}, without asking until ${new Date(releaseUntil ?? 0).toISOString()}`
      : '';
  const about = connection && [
    connection.account ?? 'account not known',
    `named ${quoted(connection.name)}`,
    ...(connection.renamed === null
      ? []
      : [`renamed ${isoTime(connection.renamed.at)} from ${quoted(connection.renamed.from)}`]),
    `connected ${isoTime(connection.connectedAt)}`,
  ];
  const what = [`${service} at ${hosts.join(', ')}`, ...(about ?? [])].join('; ');
  return plain(`${what}: ${who} ${wants}${until}`).trim();
}

/** A call as it is sent. The body is in quotes and escapes of JSON: a line break in it would look like the end of it. */
function callInWords(call: AskedCall): string {
  const body = call.body === null ? 'no body' : `a body of ${call.bytes} bytes: ${visible(JSON.stringify(call.body))}`;
  const head = headOf(call).split('\n').map(visible).join(' | ');
  return `wants to make this call. Sent is: ${head}, with ${body}`;
}

/** A tool, prompt or resource by its name, in which nothing looks like something else. */
function itemInWords(item: ApprovalView['details']['item']): string {
  if (item === undefined) return 'it';
  const news = { seen: '', new: ', which you have not seen', changed: ', which changed since you saw it' }[
    item.standing
  ];
  return `the ${item.kind} ${visibleName(item.name)}${news}`;
}

function toolInWords({ kind, name, before, after }: ToolDifference): string {
  const lines = differenceOf(before, after).map(({ sign, text }) => `${sign} ${text}`);
  return `${kind} ${visibleName(name)} (${before === null ? 'new' : 'changed'}): ${lines.join(' | ')}.`;
}

function given(inputs: ApprovalView['details']['inputs'] = {}): string {
  return Object.entries(inputs)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}
