/** What a request for approval looks like: who wants what of which connection, and what a yes means. */
import { html } from 'hono/html';
import { answersTo, askerOf, doneForMinutes } from '../../../broker/approvals/answers.ts';
import type { ApprovalView, ListedApproval } from '../../../broker/approvals/page.ts';
import { grantMinutes, hasMinutes } from '../../../broker/approvals/state.ts';
import { markOf } from '../marks.ts';
import { type Html, icons, minutesLeft, page } from '../page.ts';
import { askedFor, facts, listStep, question, whatItMeans, whichConnection } from './words.ts';

/** What the pages tell about the Keyward that serves them, and the time. */
type Around = {
  readonly host: string;
  readonly now: number;
  /** The way to the person's other pages; there is none for who has the link of a single request. */
  readonly navigation?: Html | undefined;
};

type View = ApprovalView & { readonly csrf: string };

/** The page of one request, in whatever state it is. */
export function approvalPage(view: View, around: Around): Html {
  const { title, body } = view.state === 'pending' ? asking(view, around) : outcome(view, around);
  return page({
    title,
    body,
    ...(around.navigation !== undefined && { navigation: around.navigation }),
    foot: `This page comes from Keyward at ${around.host}.`,
    // It may be answered in a terminal, or run out of time.
    ...(view.state === 'pending' ? { wait: view.state } : {}),
  });
}

/** Everything that waits, at the owner's own computer, for whoever has the link of one of them. */
export function approvalsPage(views: readonly ListedApproval[], around: Around): Html {
  return page({
    title: 'Requests for your approval',
    body: html`<h1>Requests for your approval</h1>
<p>So many came at once that they are shown here together, instead of in a window each.</p>
${
  views.length === 0
    ? html`<p>Nothing waits for you.</p>`
    : html`<ul class="rows">${views.map(
        (view) => html`<li><a href="/approvals/${view.approvalId}/${view.token}" target="_blank">${question(view)}</a>
<span class="soft small">${whichConnection(view)}${askedFor(view)} · ${view.state === 'granted' ? `allowed for ${minutesLeft((view.releaseUntil ?? 0) - around.now)}` : `open for ${minutesLeft(view.expiresAt - around.now)}`}</span></li>`,
      )}</ul>`
}`,
    foot: `This page comes from Keyward at ${around.host}. It shows no secrets.`,
    wait: listStep(views),
  });
}

function asking(view: View, around: Around): { title: string; body: Html } {
  const { yes, no } = answersTo(view);
  return {
    title: question(view),
    body: html`${markOf(view.connectorId)}
<h1>${question(view)}</h1>
${whatItMeans(view)}
<p><strong>Allow it only if you asked for this yourself, just now.</strong> A web page or a message that the assistant read may have told it to ask.</p>
${facts(view, around.now)}
<div class="actions answers"><form method="post">${head(view, 'deny')}<button class="side">${no}</button></form><form method="post">${head(view, 'once')}<button>${yes}</button></form></div>
${hasMinutes(view.act) ? forAWhile(view, around.now) : ''}`,
  };
}

/** Minutes are offered for two things only: this program reading this secret, or using this tool or such a call. */
function forAWhile(view: View, now: number): Html {
  return html`<form method="post">${head(view, 'minutes')}<div class="field"><label for="minutes">Or let ${askerOf(view)} ${doneForMinutes(view)}, without asking for</label>
<div class="beside"><select id="minutes" name="minutes">${grantMinutes.map((minutes) => html`<option value="${minutes}">${minutes} minutes, until ${clock(now + minutes * 60_000)}</option>`)}</select><button class="side">Allow for that time</button></div></div></form>`;
}

/** `14:05 UTC` */
function clock(time: number): string {
  return `${new Date(time).toISOString().slice(11, 16)} UTC`;
}

function outcome(view: View, around: Around): { title: string; body: Html } {
  const back = html`<p>You can close this page and go back to the assistant.</p>`;
  switch (view.state) {
    case 'approved':
      return result(
        'You allowed it once',
        icons.check,
        '',
        html`<p>It happens when ${askedFor(view)} asks the next time, within ten minutes. If that waits already, it has happened now.</p>${back}`,
      );
    case 'granted':
      return result(
        `Allowed for ${minutesLeft((view.releaseUntil ?? 0) - around.now)}`,
        icons.check,
        '',
        html`<p>Until <time datetime="${new Date(view.releaseUntil ?? 0).toISOString()}">${clock(view.releaseUntil ?? 0)}</time> ${askerOf(view)} may ${doneForMinutes(view)}, without asking. It is about ${view.facts.service} (${view.facts.hosts.join(', ')}).</p>
<div class="actions"><form method="post">${head(view, 'end')}<button class="side">End this now</button></form></div>${back}`,
      );
    case 'denied':
      return result(
        'You did not allow it',
        icons.cross,
        'wait',
        html`<p>Nothing was sent, handed out or changed. Keyward will not ask you about this again for ${askedFor(view)} for ${minutesLeft(view.expiresAt - around.now)}, and longer after each further no.</p>${back}`,
      );
    case 'used':
      return result(
        'This is over',
        icons.check,
        '',
        html`<p>What you allowed here was used, or you ended it. The next time the assistant has to ask again.</p>${back}`,
      );
    default:
      return result(
        'This request has expired',
        icons.clock,
        'wait',
        html`<p>Nothing was sent, handed out or changed. Its ten minutes are over, or what it was about has changed since. If you still want it, go back to the assistant and ask it to try once more.</p>`,
      );
  }
}

function result(title: string, icon: Html, tone: '' | 'wait', body: Html): { title: string; body: Html } {
  return { title, body: html`<div class="badge ${tone}">${icon}</div>\n<h1>${title}</h1>\n${body}` };
}

function head(view: View, answer: string): Html {
  return html`<input type="hidden" name="csrf" value="${view.csrf}"><input type="hidden" name="answer" value="${answer}">`;
}
