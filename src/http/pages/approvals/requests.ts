/** All requests of a person who signed in: what waits, what runs for minutes still, and what was answered of late. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { doneForMinutes } from '../../../broker/approvals/answers.ts';
import { type AnsweredApproval, type ApprovalView, decide, requestsOf } from '../../../broker/approvals/page.ts';
import { idIn } from '../../../broker/input/text.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import type { Desk, Shown, Visit } from '../home/desk.ts';
import type { Html } from '../page.ts';
import { stepHeader } from '../script.ts';
import { moment } from '../time.ts';
import { askedFor, listStep, question, whichConnection } from './words.ts';

/** `GET /approvals` lists them; `POST /approvals` ends minutes that were granted. */
export function requestsRoutes({ broker, show, act }: Desk): Hono {
  const routes = new Hono();
  const list = show(async (c, visit) => {
    const requests = await requestsOf(broker, visit.owner);
    const step = listStep([...requests.waiting, ...requests.running]);
    c.header(stepHeader, step);
    return { ...requestsPage(requests, visit), wait: step };
  });
  routes.get('/approvals', list);
  const end = act(async (_c, { principal }, form) => {
    await decide(broker, principal, idIn(form.get('approvalId') ?? '') ?? '', { answer: 'end' });
    return '/approvals';
  });
  routes.post('/approvals', formsOnly, formLimit, end);
  return routes;
}

function requestsPage({ waiting, running, answered }: Awaited<ReturnType<typeof requestsOf>>, visit: Visit): Shown {
  return {
    at: '/approvals',
    title: 'Requests',
    body: html`<h1>Requests for your approval</h1>
${waiting.length === 0 ? html`<p>Nothing waits for you.</p>` : html`<ul class="rows">${waiting.map((one) => waitingRow(one, visit))}</ul>`}
${
  running.length === 0
    ? ''
    : html`<h2>Allowed for a while</h2>
<ul class="rows">${running.map((one) => runningRow(one, visit))}</ul>`
}
${
  answered.length === 0
    ? ''
    : html`<h2>Answered in the last hour</h2>
<ul class="rows">${answered.map((one) => answeredRow(one, visit))}</ul>`
}`,
  };
}

function waitingRow(view: ApprovalView, { now }: Visit): Html {
  return html`<li><a href="/approvals/${view.approvalId}">${question(view)}</a>
<span class="soft small">${whichConnection(view)}${askedFor(view)} asked ${moment(view.askedAt, now)} · open until ${moment(view.expiresAt, now)}</span></li>`;
}

function runningRow(view: ApprovalView, { csrf, now }: Visit): Html {
  const who = `${askedFor(view)} may ${doneForMinutes(view)}, at ${view.facts.service}`;
  return html`<li><strong>${who}</strong>
<span class="soft small">${whichConnection(view)}ends ${moment(view.releaseUntil ?? now, now)}</span>
<form method="post" action="/approvals" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="approvalId" value="${view.approvalId}"><button class="side" aria-label="End now: ${who}">End now</button></form></li>`;
}

function answeredRow(view: AnsweredApproval, { now }: Visit): Html {
  return html`<li><strong>${question(view)}</strong>
<span class="soft small">${whichConnection(view)}${askedFor(view)} · ${view.yes ? 'you allowed it' : 'you did not allow it'} ${moment(view.answeredAt, now)}${after(view)}</span></li>`;
}

/** What became of a yes. */
function after({ yes, state }: AnsweredApproval): Html | string {
  if (!yes) return '';
  if (state === 'approved') return ' · not used yet';
  return state === 'used' ? ' · used, or ended by you' : ' · over';
}
