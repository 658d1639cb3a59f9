/** The page at the public URL: what this is, and to a person who signed in, what it keeps for them. */
import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import { openApprovals } from '../../../broker/approvals/page.ts';
import { type Assistant, assistantsOf, endAssistant } from '../../../broker/authorization/assistants.ts';
import type { Broker } from '../../../broker/broker.ts';
import { offersFor } from '../../../broker/credentials/answer-offer.ts';
import { listCredentials } from '../../../broker/credentials/manage.ts';
import { listReconnected, type Reconnected, revertReconnect } from '../../../broker/credentials/replaced.ts';
import type { ConnectionView } from '../../../broker/credentials/view.ts';
import { waitingAt } from '../../../broker/mcp-servers/waiting.ts';
import { signInCsrf } from '../../../broker/sign-in/code.ts';
import { equalInConstantTime } from '../../../broker/visitors/browser-binding.ts';
import { foreignForm } from '../../../broker/visitors/form-errors.ts';
import { type Owner, type Principal, subjectOf } from '../../../principal.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { data, type Html, page } from '../page.ts';
import { browserOf, readCookie } from '../sign-in/cookies.ts';
import type { SignIn } from '../sign-in/index.ts';
import { acceptHere } from './accept-tools.ts';
import { assistantsPart } from './assistants.ts';
import { giveBack, offersPart, signedInAs } from './offers.ts';

type HomeOptions = {
  readonly broker: Broker;
  readonly visitor: SignIn['visitor'];
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  /** Whether people may have passkeys. */
  readonly passkeys: boolean;
  /** Where MCP clients connect. */
  readonly mcpUrl: string;
};

/**
 * `GET /` reads metadata only; there is no secret on it. `POST /revert` brings back what reconnecting replaced,
 * `POST /tools` leads to the page that shows what is new or changed at an MCP server, and `POST /assistants` ends one.
 */
export function homeRoutes({ broker, secure, visitor, passkeys, mcpUrl }: HomeOptions): Hono {
  const routes = new Hono();
  routes.get('/', async (c) => {
    const person = await visitor(c);
    if (typeof person === 'string') return c.html(welcomePage(mcpUrl));
    const cursor = c.req.query('after');
    const shown = await listCredentials(broker, reader(person), { limit: 50, ...(cursor && { cursor }) });
    const waiting = (await openApprovals(broker, person)).filter(({ state }) => state === 'pending').length;
    const offers = await offersFor(broker, person, signedInAs(c, secure));
    const nameOf = (id: string) => broker.catalogue.get(id)?.name ?? id;
    const assistants = await assistantsOf(broker, person);
    const kept = await listReconnected(broker, person);
    const toSee = new Map<string, string>();
    for (const { credentialId, tools } of shown.credentials) {
      const words = tools === undefined ? null : await waitingAt(broker, person, credentialId);
      if (words !== null) toSee.set(credentialId, words);
    }
    const browser = browserOf(c, secure);
    const proofs = { csrf: formProof(broker, person, browser), signOut: signInCsrf(broker, browser) };
    const around = { ...proofs, passkeys, host: new URL(mcpUrl).host, now: Date.now() };
    return c.html(
      connectionsPage({ ...shown, waiting, offers, assistants, person, nameOf, reconnected: kept, toSee, ...around }),
    );
  });

  /** Does what a form of this page is about, for the person who signed in, and answers where that leads. */
  const answer = (work: (person: Owner, of: (field: string) => string) => Promise<string>) => async (c: Context) => {
    const person = await visitor(c);
    if (typeof person === 'string') return c.redirect('/sign-in?to=/', 303);
    const form = new URLSearchParams(await c.req.text());
    const browser = readCookie(c, 'form', secure);
    if (browser === undefined || !equalInConstantTime(form.get('csrf') ?? '', formProof(broker, person, browser))) {
      throw foreignForm();
    }
    // 303: the browser GETs the page, and reloading it sends nothing twice.
    return c.redirect(await work(person, (field) => form.get(field) ?? ''), 303);
  };
  const revert = answer(async (person, of) => {
    const owner: Principal = { ...person, scopes: new Set(['credentials:read', 'credentials:write']), client: 'page' };
    await revertReconnect(broker, owner, { credentialId: of('credentialId') });
    return '/';
  });
  routes.post('/revert', formsOnly, formLimit, revert);
  const look = answer((person, of) => acceptHere(broker, person, of('credentialId')));
  routes.post('/tools', formsOnly, formLimit, look);
  const end = answer(async (person, of) => {
    await endAssistant(broker, reader(person), of('assistantId'));
    return '/';
  });
  routes.post('/assistants', formsOnly, formLimit, end);
  return routes;
}

/** What the forms of this person's page carry in this browser. */
function formProof({ vault }: Broker, { tenant, user }: Owner, browser: string): string {
  return vault.proof('home-form', JSON.stringify([tenant, user, browser]));
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
  readonly offers: Awaited<ReturnType<typeof offersFor>>;
  /** The programs that the person let in. */
  readonly assistants: readonly Assistant[];
  readonly person: Owner;
  readonly nameOf: (connectorId: string) => string;
  /** What was connected again within a day, and can be undone. */
  readonly reconnected: readonly Reconnected[];
  /** What waits at MCP servers until the person looked at it, in words, by connection. */
  readonly toSee: ReadonlyMap<string, string>;
  readonly csrf: string;
  /** What the form to sign out carries. */
  readonly signOut: string;
  readonly passkeys: boolean;
  readonly host: string;
  readonly now: number;
};

function connectionsPage(shown: Connections): Html {
  const { credentials, nextCursor, waiting, offers, assistants, csrf, person, nameOf, host, signOut } = shown;
  return page({
    title: 'Your connections',
    body: html`<h1>Your connections</h1>
<form method="post" action="/sign-out"><input type="hidden" name="csrf" value="${signOut}"><p>You are signed in as <strong>${subjectOf(person.user)}</strong>. <button class="side">Sign out</button></p></form>
${waiting === 0 ? '' : html`<p class="actions"><a class="button" href="/approvals">${waiting === 1 ? 'A request waits' : `${waiting} requests wait`} for your approval</a></p>`}
${offers.waiting.length === 0 ? '' : html`<p><a href="#offers">${offers.waiting.length === 1 ? 'A connection is' : `${offers.waiting.length} connections are`} offered to you</a></p>`}
${
  credentials.length === 0
    ? html`<p>There is nothing here yet. Ask your assistant to connect a service: it gets a link that you finish on a page like this one.</p>`
    : html`<ul class="rows">${credentials.map((one) => row(one, nameOf(one.connectorId), shown))}</ul>`
}
${nextCursor === undefined ? '' : html`<p><a href="/?after=${encodeURIComponent(nextCursor)}">More connections</a></p>`}
${offersPart(offers.waiting, shown.now)}
${assistantsPart(assistants, csrf, (id) => credentials.find(({ credentialId }) => credentialId === id)?.name ?? null)}
${shown.passkeys ? html`<p><a href="/passkeys">Your passkeys</a></p>` : ''}`,
    foot: `This page comes from Keyward at ${host}. It shows no secrets.`,
  });
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
