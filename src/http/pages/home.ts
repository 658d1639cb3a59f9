/** The page at the public URL: what this is, and to a person who signed in, what it keeps for them. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { openApprovals } from '../../broker/approvals/page.ts';
import type { Broker } from '../../broker/broker.ts';
import { listCredentials } from '../../broker/credentials/manage.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import { type Owner, type Principal, subjectOf } from '../../principal.ts';
import { type Html, page } from './page.ts';
import type { SignIn } from './sign-in/index.ts';

export type HomeOptions = {
  readonly broker: () => Broker;
  readonly visitor: SignIn['visitor'];
  /** Where MCP clients connect. */
  readonly mcpUrl: string;
};

/** `GET /`. Reads metadata only; there is no secret on it. */
export function homeRoutes({ broker, visitor, mcpUrl }: HomeOptions): Hono {
  const routes = new Hono();
  routes.get('/', async (c) => {
    const person = visitor(c);
    if (typeof person === 'string') return c.html(welcomePage(mcpUrl));
    const cursor = c.req.query('after');
    const shown = await listCredentials(broker(), reader(person), { limit: 50, ...(cursor && { cursor }) });
    const waiting = (await openApprovals(broker(), person)).filter(({ state }) => state === 'pending').length;
    const nameOf = (id: string) => broker().catalogue.get(id)?.name ?? id;
    return c.html(connectionsPage({ ...shown, waiting, person, nameOf, host: new URL(mcpUrl).host }));
  });
  return routes;
}

/** The person as far as this page goes: reading metadata. */
function reader(person: Owner): Principal {
  return { ...person, scopes: new Set(['credentials:read']), client: 'page' };
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

type Connections = {
  readonly credentials: readonly ConnectionView[];
  readonly nextCursor?: string;
  /** How many requests wait for the person's approval. */
  readonly waiting: number;
  readonly person: Owner;
  readonly nameOf: (connectorId: string) => string;
  readonly host: string;
};

function connectionsPage({ credentials, nextCursor, waiting, person, nameOf, host }: Connections): Html {
  return page({
    title: 'Your connections',
    body: html`<h1>Your connections</h1>
<p>You are signed in as <strong>${subjectOf(person.user)}</strong>. <a href="/sign-in">Sign out</a></p>
${waiting === 0 ? '' : html`<p class="actions"><a class="button" href="/approvals">${waiting === 1 ? 'A request waits' : `${waiting} requests wait`} for your approval</a></p>`}
${
  credentials.length === 0
    ? html`<p>There is nothing here yet. Ask your assistant to connect a service: it gets a link that you finish on a page like this one.</p>`
    : html`<ul class="rows">${credentials.map((one) => row(one, nameOf(one.connectorId)))}</ul>`
}
${nextCursor === undefined ? '' : html`<p><a href="/?after=${encodeURIComponent(nextCursor)}">More connections</a></p>`}`,
    foot: `This page comes from Keyward at ${host}. It shows no secrets.`,
  });
}

function row(one: ConnectionView, connector: string): Html {
  const about = [
    connector,
    one.account,
    { owner: undefined, use: 'shared with you, to use', view: 'shared with you, to see' }[one.access],
    one.lastUsedAt === null
      ? 'not used yet'
      : html`last used <time datetime="${one.lastUsedAt}">${day(one.lastUsedAt)}</time>`,
  ].filter((part) => part !== undefined);
  return html`<li><strong>${one.name}</strong>
<span class="soft small">${about.map((part, at) => html`${at === 0 ? '' : ' · '}${part}`)}</span>
${one.status === 'active' ? '' : html`<span class="error">Has to be connected again${one.statusReason === undefined ? '' : `: ${one.statusReason}`}</span>`}</li>`;
}

/** 2026-11-21, in UTC as every time that Keyward shows. */
function day(iso: string): string {
  return iso.slice(0, 10);
}
