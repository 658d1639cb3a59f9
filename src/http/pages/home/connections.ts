/** The first page of a person who signed in: what it keeps for them. To anybody else: what this is. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { offersFor } from '../../../broker/credentials/answer-offer.ts';
import { listCredentials } from '../../../broker/credentials/manage.ts';
import { listReconnected, type Reconnected, revertReconnect } from '../../../broker/credentials/replaced.ts';
import type { ConnectionView } from '../../../broker/credentials/view.ts';
import { waitingAt } from '../../../broker/mcp-servers/waiting.ts';
import { signInCsrf } from '../../../broker/sign-in/code.ts';
import { subjectOf } from '../../../principal.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { data, type Html, page } from '../page.ts';
import { acceptHere } from './accept-tools.ts';
import type { Desk, Shown, Visit } from './desk.ts';
import { giveBack, offersPart, signedInAs } from './offers.ts';

/**
 * `GET /` reads metadata only; there is no secret on it. `POST /revert` brings back what reconnecting replaced, and
 * `POST /tools` leads to the page that shows what is new or changed at an MCP server.
 *
 * @param mcpUrl where MCP clients connect; null: nobody comes here who has not signed in
 */
export function connectionsRoutes(desk: Desk, mcpUrl: string | null): Hono {
  const { broker, secure } = desk;
  const routes = new Hono();
  const list = desk.show(
    async (c, visit) => {
      const { owner, principal } = visit;
      const cursor = c.req.query('after');
      const shown = await listCredentials(broker, principal, { limit: 50, ...(cursor && { cursor }) });
      const offers = await offersFor(broker, owner, signedInAs(c, secure));
      const nameOf = (id: string) => broker.catalogue.get(id)?.name ?? id;
      const reconnected = await listReconnected(broker, owner);
      const toSee = new Map<string, string>();
      for (const { credentialId, tools } of shown.credentials) {
        const words = tools === undefined ? null : await waitingAt(broker, owner, credentialId);
        if (words !== null) toSee.set(credentialId, words);
      }
      const signOut = mcpUrl === null ? null : signInCsrf(broker, visit.browser);
      return connectionsPage({ ...shown, ...visit, offers, nameOf, reconnected, toSee, signOut });
    },
    ...(mcpUrl === null ? [] : [() => welcomePage(mcpUrl)]),
  );
  routes.get('/', list);

  const revert = desk.act(async (_c, { principal }, form) => {
    await revertReconnect(broker, principal, { credentialId: form.get('credentialId') ?? '' });
    return '/';
  });
  routes.post('/revert', formsOnly, formLimit, revert);
  const look = desk.act((_c, { owner }, form) => acceptHere(broker, owner, form.get('credentialId') ?? ''));
  routes.post('/tools', formsOnly, formLimit, look);
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
  readonly credentials: readonly ConnectionView[];
  readonly nextCursor?: string;
  readonly offers: Awaited<ReturnType<typeof offersFor>>;
  readonly nameOf: (connectorId: string) => string;
  /** What was connected again within a day, and can be undone. */
  readonly reconnected: readonly Reconnected[];
  /** What waits at MCP servers until the person looked at it, in words, by connection. */
  readonly toSee: ReadonlyMap<string, string>;
  /** What the form to sign out carries; null where nobody signs in. */
  readonly signOut: string | null;
};

function connectionsPage(shown: Connections): Shown {
  const { credentials, nextCursor, offers, owner, nameOf, signOut } = shown;
  return {
    at: '/',
    title: 'Your connections',
    body: html`<h1>Your connections</h1>
${signOut === null ? '' : html`<form method="post" action="/sign-out"><input type="hidden" name="csrf" value="${signOut}"><p>You are signed in as <strong>${subjectOf(owner.user)}</strong>. <button class="side">Sign out</button></p></form>`}
${offers.waiting.length === 0 ? '' : html`<p><a href="#offers">${offers.waiting.length === 1 ? 'A connection is' : `${offers.waiting.length} connections are`} offered to you</a></p>`}
${
  credentials.length === 0
    ? html`<p>There is nothing here yet. Ask your assistant to connect a service: it gets a link that you finish on a page like this one.</p>`
    : html`<ul class="rows">${credentials.map((one) => row(one, nameOf(one.connectorId), shown))}</ul>`
}
${nextCursor === undefined ? '' : html`<p><a href="/?after=${encodeURIComponent(nextCursor)}">More connections</a></p>`}
${offersPart(offers.waiting, shown.now)}`,
  };
}

function row(one: ConnectionView, connector: string, around: Connections): Html {
  const again = around.reconnected.find(({ credentialId }) => credentialId === one.credentialId);
  const taken = around.offers.taken.find(({ credentialId }) => credentialId === one.credentialId);
  const about = [
    connector,
    one.account,
    one.hosts.join(', '),
    one.sharedBy === undefined ? undefined : `shared by ${one.sharedBy}, ${one.access === 'use' ? 'to use' : 'to see'}`,
    one.lastUsedAt === null
      ? 'not used yet'
      : html`last used <time datetime="${one.lastUsedAt}">${day(one.lastUsedAt)}</time>`,
  ].filter((part) => part !== undefined);
  return html`<li><strong>${one.name}</strong>
<span class="soft small">${about.map((part, at) => html`${at === 0 ? '' : ' · '}${part}`)}</span>
${one.status === 'active' ? '' : html`<span class="error">Has to be connected again${one.statusReason === undefined ? '' : `: ${one.statusReason}`}</span>`}
${toLookAt(one, around)}${again === undefined ? '' : undo(again, around)}${taken === undefined ? '' : giveBack(taken)}</li>`;
}

/** What is new or changed at an MCP server, and the way to its page. */
function toLookAt({ credentialId, name }: ConnectionView, { toSee, csrf }: Connections): Html | '' {
  const words = toSee.get(credentialId);
  if (words === undefined) return '';
  return html`<form method="post" action="/tools" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="credentialId" value="${credentialId}">
<p>${words} since you saw them.</p>
<button class="side" aria-label="Look at what changed: ${name}">Look at what changed</button></form>`;
}

/** Who gave this connection another secret, and the way back. */
function undo({ credentialId, client, account, at, until }: Reconnected, { csrf, now }: Connections): Html {
  const time = new Date(at).toISOString();
  return html`<form method="post" action="/revert" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="credentialId" value="${credentialId}">
<p>Connected again by ${client === null ? 'an assistant' : data(client)} at <time datetime="${time}">${time.slice(0, 16).replace('T', ' ')} UTC</time>${account === null ? '' : html`; until then it was ${data(account)}`}. What it had before is kept for ${hoursLeft(until - now)}.</p>
<button class="side">Bring back what it had before</button></form>`;
}

function hoursLeft(milliseconds: number): string {
  const hours = Math.ceil(milliseconds / 3_600_000);
  return hours <= 1 ? 'less than an hour' : `another ${hours} hours`;
}

/** 2026-11-21, in UTC as every time that Keyward shows. */
function day(iso: string): string {
  return iso.slice(0, 10);
}
