/** A request in words: the same for a page and its entry in the list. */
import { html } from 'hono/html';
import type { ApprovalView } from '../../../broker/approvals/page.ts';
import { type CallPolicy, readingPolicy } from '../../../broker/calls/policy.ts';

import type { Html } from '../page.ts';

/** What is asked, as a heading. */
export function question({ act, connection: { name } }: ApprovalView): string {
  const questions = {
    release: `Hand out the secret of ${name}?`,
    share: `Share ${name}?`,
    policy: `Allow more calls with ${name}?`,
  } as const;
  return questions[act];
}

/** Who asks. */
export function askedFor({ client }: ApprovalView): string {
  return client === null ? 'An assistant on this Keyward' : `“${client}”`;
}

/** What a yes leads to. */
export function whatItMeans(view: ApprovalView): Html {
  const { act, details, connector, connection } = view;
  if (act === 'release') {
    return html`<p>${askedFor(view)} wants to read the secret itself. Whoever has it can do at ${connector} whatever this connection may do, outside of Keyward too and as long as the secret is good. To use the connection through Keyward it needs no secret.</p>`;
  }
  if (act === 'share') {
    return html`<p>${askedFor(view)} wants to let ${granteeInWords(details.with ?? '')} ${
      details.permission === 'use'
        ? html`use your ${connector} connection: ${calls(details.policy ?? readingPolicy)}. They act there as you, and see its name, account and state`
        : html`see the name, account and state of your ${connector} connection`
    }. They never see the secret. You can take it back at any time.</p>`;
  }
  return html`<p>${askedFor(view)} wants this connection to be good for more at ${connector}.</p>
<p>Allowed now: ${calls(connection.policy)}.<br>Allowed then: ${calls(details.policy ?? null)}.</p>`;
}

/** The facts a person needs before answering. */
export function facts({ client, connector, connection, expiresAt }: ApprovalView, now: number): Html {
  return html`<dl class="facts">
<dt>Asked by</dt><dd>${client ?? 'an assistant on this Keyward'}</dd>
<dt>Connection</dt><dd>${connection.name} (${[connector, connection.account].filter((part) => part !== null).join(', ')})</dd>
<dt>Open for</dt><dd><time datetime="${new Date(expiresAt).toISOString()}">${minutesLeft(expiresAt - now)}</time></dd>
</dl>`;
}

export function minutesLeft(milliseconds: number): string {
  const minutes = Math.ceil(milliseconds / 60_000);
  return minutes <= 1 ? 'less than a minute' : `another ${minutes} minutes`;
}

function granteeInWords(grantee: string): Html {
  const [kind = '', ...rest] = grantee.split(':');
  const name = html`<strong>${rest.join(':')}</strong>`;
  return kind === 'tenant' ? html`everybody of the tenant ${name}` : html`the user ${name}`;
}

function calls(policy: CallPolicy | null): Html {
  const { methods, paths } = policy ?? { methods: null, paths: null };
  const list = (values: readonly string[]) =>
    values.map((value, at) => html`${at === 0 ? '' : ', '}<code>${value}</code>`);
  return html`${methods === null ? 'every method' : list(methods)} on ${paths === null ? 'every path' : list(paths)}`;
}
