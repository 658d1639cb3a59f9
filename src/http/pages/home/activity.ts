/** What happened: the audit log of one person, newest first. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { type Activity, type ActivityFilter, readActivity } from '../../../broker/credentials/activity.ts';
import { listCredentials } from '../../../broker/credentials/manage.ts';
import type { ConnectionView } from '../../../broker/credentials/view.ts';
import { maxLimit } from '../../../broker/input/paging.ts';
import { subjectOf } from '../../../principal.ts';
import { data, type Html } from '../page.ts';
import { moment } from '../time.ts';
import { actWords, outcomeWords, reasonWords } from './activity-words.ts';
import type { Desk, Shown, Visit } from './desk.ts';

type Entry = Activity['events'][number];

/** `GET /activity?connection=…&program=…&action=…&outcome=…&day=…&before=…` */
export function activityRoutes({ broker, show }: Desk): Hono {
  const routes = new Hono();
  const list = show(async (c, visit) => {
    // A form sends what is empty, too.
    const given = (name: string) => c.req.query(name)?.trim() || undefined;
    const filter = {
      connection: given('connection'),
      program: given('program'),
      action: given('action'),
      outcome: given('outcome'),
      day: given('day'),
    };
    const activity = await readActivity(broker, visit.principal, { ...filter, cursor: given('before') });
    const { credentials } = await listCredentials(broker, visit.principal, { limit: maxLimit });
    const connections = credentials.filter(({ access }) => access === 'owner');
    const serviceOf = (id: string) => broker.catalogue.get(id)?.name ?? id;
    return activityPage({ activity, filter, connections, serviceOf, visit, first: given('before') === undefined });
  });
  routes.get('/activity', list);
  return routes;
}

type Around = {
  readonly activity: Activity;
  readonly filter: ActivityFilter;
  /** As many of the person's own as can be chosen. */
  readonly connections: readonly ConnectionView[];
  readonly serviceOf: (connectorId: string) => string;
  readonly visit: Visit;
  /** Whether it is the page with the newest. */
  readonly first: boolean;
};

function activityPage(around: Around): Shown {
  const { activity, filter, first, visit } = around;
  const { events, nextCursor, lookedTo, ownActsOnly } = activity;
  const filtered = Object.values(filter).some((value) => value !== undefined);
  return {
    at: '/activity',
    title: 'Activity',
    body: html`<h1>Activity</h1>
<p>What you and your programs did, and what others did with your connections. The newest is first.</p>
${filterForm(around)}
${ownActsOnly ? html`<p class="small">You have very many connections. Choose one to see what others did with it.</p>` : ''}
${
  events.length > 0
    ? html`<ul class="rows events">${events.map((event) => row(event, around))}</ul>`
    : html`<p>${nextCursor !== undefined ? 'Nothing here so far.' : filtered ? 'Nothing that suits.' : first ? 'Nothing has happened yet.' : 'Nothing before that.'}</p>`
}
${
  nextCursor === undefined
    ? ''
    : html`${lookedTo === null || events.length > 0 ? '' : html`<p class="small soft">This page looked as far back as ${moment(lookedTo, visit.now)}.</p>`}
<p><a href="${linkTo(filter, nextCursor)}">Look further back</a></p>`
}
${first ? '' : html`<p><a href="${linkTo(filter)}">Back to the newest</a></p>`}`,
  };
}

function linkTo(filter: ActivityFilter, before?: string): string {
  const all = Object.entries({ ...filter, before }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return all.length === 0 ? '/activity' : `/activity?${new URLSearchParams(all)}`;
}

function filterForm({ filter, connections }: Around): Html {
  const chosen = filter.connection;
  const known = chosen === undefined || connections.some(({ credentialId }) => credentialId === chosen);
  const names = [
    ...connections.map(({ credentialId, name }) => [credentialId, name] as const),
    ...(known ? [] : [[chosen, 'The one that you chose'] as const]),
  ];
  return html`<form method="get" action="/activity" class="filter">
${choice('connection', 'Connection', 'All connections', names, chosen)}
${choice('action', 'Act', 'All acts', Object.entries(actWords), filter.action)}
${choice('outcome', 'Outcome', 'All outcomes', Object.entries(outcomeWords), filter.outcome)}
<div class="field"><label for="program">Program</label><input type="text" id="program" name="program" maxlength="100" autocomplete="off" value="${filter.program ?? ''}"></div>
<div class="field"><label for="day">Day (UTC)</label><input type="date" id="day" name="day" value="${filter.day ?? ''}"></div>
<div class="actions"><button class="side">Show these</button></div></form>`;
}

function choice(
  name: string,
  label: string,
  all: string,
  options: readonly (readonly [string, string])[],
  chosen: string | undefined,
): Html {
  return html`<div class="field"><label for="${name}">${label}</label><select id="${name}" name="${name}"><option value="">${all}</option>${options.map(
    ([value, words]) => html`<option value="${value}"${value === chosen ? html` selected` : ''}>${words}</option>`,
  )}</select></div>`;
}

function row(entry: Entry, { connections, serviceOf, visit }: Around): Html {
  const { time, action, outcome, code, connectorId, subject, request, client, user, onBehalfOf, count, reason } = entry;
  const connection = connections.find(({ credentialId }) => credentialId === subject);
  const me = visit.owner.user;
  const parts = [
    connectorId === undefined ? undefined : serviceOf(connectorId),
    connection === undefined ? undefined : data(connection.name),
    request === undefined ? undefined : html`<code>${request}</code>`,
    client === undefined ? undefined : html`through ${data(client)}`,
    user === me ? undefined : html`by ${data(subjectOf(user))}${onBehalfOf === me ? ' for you' : ''}`,
    count === undefined ? undefined : `${count} times`,
    reason === undefined ? undefined : data(reason),
  ].filter((part) => part !== undefined);
  const words = actWords[action] ?? action;
  const ended =
    outcome === 'allowed'
      ? ''
      : html` <span class="error">${outcomeWords[outcome]}${code === undefined ? '' : `: ${reasonWords[code] ?? code}`}</span>`;
  return html`<li><span><strong>${words}</strong>${ended} <span class="soft small">${moment(time, visit.now)}</span></span>
${parts.length === 0 ? '' : html`<span class="soft small">${parts.map((part, at) => html`${at === 0 ? '' : ' · '}${part}`)}</span>`}</li>`;
}
