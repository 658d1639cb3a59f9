/** What the answers to a request do, in words: the same on the page and at a terminal. Each is the act, not a yes or a no. */
import { oneLine, quoted, visibleName } from '../../text.ts';
import type { ApprovalView } from './page.ts';
import { maxClient } from './state.ts';

/** As much of a name that somebody chose stands in an answer, in characters. */
const maxName = 60;
/** And as much of the name of a tool. A path that is longer is not repeated. */
const maxItem = 150;

/** What each answer does. */
export function answersTo(view: ApprovalView): { readonly yes: string; readonly no: string } {
  const { act, details } = view;
  return {
    release: { yes: 'Release once', no: 'Don’t release' },
    share: { yes: `Share with ${granteeOf(details.with ?? '')}`, no: 'Don’t share' },
    policy: { yes: 'Allow these calls from now on', no: 'Don’t allow' },
    host: { yes: `Let ${askerOf(view)} reach ${hostsOf(view)}`, no: 'Don’t let it' },
    reconnect: { yes: 'Let it be connected anew', no: 'Keep it as it is' },
    call: { yes: 'Allow this call once', no: 'Don’t allow it' },
    tools: { yes: 'Accept these tools', no: 'Don’t accept' },
    delete: { yes: 'Delete this connection', no: 'Keep it' },
  }[act];
}

/** What may be done for minutes without asking, as the rest of a sentence that begins with who may. */
export function doneForMinutes({ act, details: { item, call } }: ApprovalView): string {
  if (act === 'release') return 'read this secret';
  if (call === undefined)
    return `use ${item === undefined ? 'it' : `the ${item.kind} ${plainName(item.name)}`}, with whatever it sends`;
  const { method, pattern } = call;
  const where = pattern.of === 'rule' ? `every path like ${visibleName(pattern.path)}` : pathOf(pattern.path);
  return `send ${method} to ${where}, with whatever query, headers and body`;
}

/** Who asks, within a sentence. */
export function askerOf({ client }: ApprovalView): string {
  return client === null ? 'an assistant' : quoted(client, maxClient);
}

/** All hosts where they are few; the page lists them anyway. */
export function hostsOf({ facts: { hosts } }: ApprovalView): string {
  const [first = 'no host', ...more] = hosts;
  return more.length === 0 ? first : more.length === 1 ? `${first} and ${more[0]}` : `${first} and ${more.length} more`;
}

/** A path that is cut would be another one. The request shows it whole. */
function pathOf(path: string): string {
  return path.length > maxItem ? 'the path of this call' : visibleName(path);
}

function granteeOf(grantee: string): string {
  const [, kind, name = ''] = /^(user|tenant):(.*)$/s.exec(grantee) ?? [];
  return `${kind === 'tenant' ? 'everybody of ' : ''}${quoted(name, maxName)}`;
}

/** A name in which nothing looks like something else. */
export function plainName(name: string): string {
  return oneLine(visibleName(name), maxItem) ?? '';
}
