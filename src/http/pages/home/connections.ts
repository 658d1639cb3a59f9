/** The first page of a person who signed in: what it keeps for them. To anybody else: what this is. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { offersFor } from '../../../broker/credentials/answer-offer.ts';
import { type FoundConnection, findConnections } from '../../../broker/credentials/find.ts';
import { signInCsrf } from '../../../broker/sign-in/code.ts';
import { subjectOf } from '../../../principal.ts';
import { data, type Html, page } from '../page.ts';
import type { Desk, Shown, Visit } from './desk.ts';
import { offersPart, signedInAs } from './offers.ts';
import { pageOf } from './own-request.ts';
import { ago, stateInWords } from './states.ts';

/** What the address of the list says: words to look for, and whether only what needs attention is shown. */
type Asked = { readonly query: string; readonly attention: boolean };

/** Longest search, in characters. */
const maxQuery = 200;

/**
 * `GET /` reads metadata only; there is no secret on it. `q` is looked for, `show=attention` leaves out what works, and
 * `after` goes on with the list.
 *
 * @param mcpUrl where MCP clients connect; null: nobody comes here who has not signed in
 */
export function connectionsRoutes(desk: Desk, mcpUrl: string | null): Hono {
  const { broker, secure } = desk;
  const routes = new Hono();
  const list = desk.show(
    async (c, visit) => {
      const asked = {
        query: (c.req.query('q') ?? '').slice(0, maxQuery),
        attention: c.req.query('show') === 'attention',
      };
      const cursor = c.req.query('after');
      const listed = await findConnections(broker, visit.principal, { ...asked, cursor });
      const offers = await offersFor(broker, visit.owner, signedInAs(c, secure));
      const signOut = mcpUrl === null ? null : signInCsrf(broker, visit.browser);
      return connectionsPage({ ...listed, ...visit, asked, isFirst: cursor === undefined, offers, signOut });
    },
    ...(mcpUrl === null ? [] : [() => welcomePage(mcpUrl)]),
  );
  routes.get('/', list);
  return routes;
}

function welcomePage(mcpUrl: string): Html {
  return page({
    title: 'Keyward',
    body: html`<h1>Keyward keeps credentials for AI assistants</h1>
<p>An assistant connects here to use the services that you connected. Their keys are kept encrypted and belong to you alone.</p>
<dl class="facts"><dt>MCP clients connect to</dt><dd><code>${mcpUrl}</code></dd><dt>They bring</dt><dd>a bearer token of yours; whoever runs this Keyward hands them out</dd><dt>Programs</dt><dd><a href="/openapi.json">REST, as OpenAPI</a></dd></dl>
<p class="actions"><a class="button" href="/sign-in?to=/">Sign in to see your connections</a></p>`,
  });
}

type Connections = Visit & {
  readonly found: readonly FoundConnection[];
  readonly nextCursor?: string;
  readonly asked: Asked;
  /** Whether the list begins here. */
  readonly isFirst: boolean;
  readonly offers: Awaited<ReturnType<typeof offersFor>>;
  /** What the form to sign out carries; null where nobody signs in. */
  readonly signOut: string | null;
};

function connectionsPage(shown: Connections): Shown {
  const { found, nextCursor, asked, isFirst, offers, owner, signOut, now } = shown;
  const isAll = asked.query === '' && !asked.attention;
  const isEmpty = found.length === 0 && isAll && isFirst;
  return {
    at: '/',
    title: 'Your connections',
    body: html`<div class="head"><h1>Your connections</h1><a class="button" href="/connect">Connect a service</a></div>
${signOut === null ? '' : html`<form method="post" action="/sign-out"><input type="hidden" name="csrf" value="${signOut}"><p>You are signed in as <strong>${subjectOf(owner.user)}</strong>. <button class="side">Sign out</button></p></form>`}
${offers.waiting.length === 0 ? '' : html`<p><a href="#offers">${offers.waiting.length === 1 ? 'A connection is' : `${offers.waiting.length} connections are`} offered to you</a></p>`}
${isEmpty ? html`<p>There is nothing here yet. Connect a service, or ask your assistant to: it gets a link that you finish on a page like this one.</p>` : html`${searchForm(asked)}${rows(found, now)}`}
${nextCursor === undefined ? '' : html`<p><a href="${nextPage(asked, nextCursor)}">${found.length === 0 ? 'Look further' : 'More connections'}</a></p>`}
${offersPart(offers.waiting, now)}`,
  };
}

function searchForm({ query, attention }: Asked): Html {
  return html`<form method="get" action="/" role="search" class="search"><label for="q">Name, service, account or host</label>
<div class="beside"><input type="search" id="q" name="q" value="${query}" maxlength="${maxQuery}" autocomplete="off" autocapitalize="none" spellcheck="false"><button class="side">Search</button></div>
<label class="choice"><input type="checkbox" name="show" value="attention"${attention ? html` checked` : ''}> <span>Only what needs attention</span></label></form>`;
}

function rows(found: readonly FoundConnection[], now: number): Html {
  if (found.length === 0) return html`<p>Nothing here is like that. <a href="/">All connections</a></p>`;
  return html`<ul class="rows">${found.map((one) => row(one, now))}</ul>`;
}

function row({ view, service, attention, sharedWith }: FoundConnection, now: number): Html {
  const about = [
    service,
    view.account === undefined ? undefined : data(view.account),
    view.hosts.join(', '),
    view.sharedBy === undefined
      ? undefined
      : `shared by ${view.sharedBy}, ${view.access === 'use' ? 'to use' : 'to see'}`,
    sharedWith === 0
      ? undefined
      : `shared with ${sharedWith === 1 ? 'one user or tenant' : `${sharedWith} users or tenants`}`,
    view.lastUsedAt === null ? 'not used yet' : html`last used ${ago(Date.parse(view.lastUsedAt), now)}`,
  ].filter((part) => part !== undefined);
  return html`<li><a href="${pageOf(view.credentialId)}"><strong>${data(view.name)}</strong></a>
${stateInWords(attention, view)}
<span class="soft small">${about.map((part, at) => html`${at === 0 ? '' : ' · '}${part}`)}</span></li>`;
}

function nextPage({ query, attention }: Asked, cursor: string): string {
  const next = { ...(query !== '' && { q: query }), ...(attention && { show: 'attention' }), after: cursor };
  return `/?${new URLSearchParams(next)}`;
}
