/** A request for approval in words, and the person's answer to it, at a terminal. */
import type { ApprovalView, Decision, ToolDifference } from '../../broker/approvals/page.ts';
import { grantMinutes, hasMinutes, maxClient } from '../../broker/approvals/state.ts';
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
  const minutes = hasMinutes(view.act) ? `, ${grantMinutes.join(', ')} for minutes` : '';
  const prompt =
    view.state === 'granted' ? 'e ends it, Enter leaves it: ' : `y for once${minutes}, n for no, Enter leaves it: `;
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
export function approvalText({ client, facts, act, details, releaseUntil, state }: ApprovalView): string {
  const { service, hosts, connection } = facts;
  const who = client === null ? 'An assistant' : quoted(client, maxClient);
  const wants = {
    release: 'wants to read the raw secret',
    share: `wants to share the connection: ${details.with}, ${details.permission}. ${details.permission === 'use' ? inWords(details.policy ?? readingPolicy) : ''}`,
    policy: `wants to allow more calls. ${details.policy ? inWords(details.policy) : 'Every call.'}`,
    host: `wants to reach ${hosts.join(', ')}, as ${given(details.inputs)}`,
    reconnect: `wants to change which account or place it stands for. ${given(details.inputs)}`,
    call: `wants to use ${itemInWords(details.item)}. Sent is: ${visible(details.message ?? '')}`,
    tools: `wants what is new or changed to count as seen by you: ${(details.tools ?? []).map(toolInWords).join(' ')}`,
  }[act];
  const until = state === 'granted' ? `; allowed until ${new Date(releaseUntil ?? 0).toISOString()}` : '';
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
