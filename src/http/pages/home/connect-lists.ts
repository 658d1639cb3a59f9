/** What a person chooses from when they connect a service: the services, and the ways of one. */
import { html } from 'hono/html';
import type { generalConnectors, listConnectors } from '../../../broker/credentials/metadata.ts';
import { effortText, type Way, wayTitle } from '../../../broker/credentials/ways.ts';
import { outside } from '../connect/page-parts.ts';
import { data, type Html } from '../page.ts';
import type { Shown } from './desk.ts';

type Found = Awaited<ReturnType<typeof listConnectors>>;

/** The services that a search found, all of them for an empty one, and the ways to any other. */
export function servicesPage(query: string, found: Found, general: ReturnType<typeof generalConnectors>): Shown {
  const title = 'Connect a service';
  return {
    at: '/',
    title,
    body: html`<h1>${title}</h1>
<form method="get" action="/connect" role="search" class="field"><label for="query">Search by name</label>
<div class="beside"><input type="text" id="query" name="query" value="${query}" autocomplete="off" autocapitalize="none" spellcheck="false"><button class="side">Search</button></div></form>
<p><a href="#other">Any other service, by its address</a></p>
${found.connectors.length === 0 ? html`<p role="status">No service matches ${data(query)}. Try another spelling, or connect it by its address below.</p>` : html`<ul class="rows">${found.connectors.map(serviceRow)}</ul>`}
${found.nextCursor === undefined ? '' : html`<p><a href="/connect?${new URLSearchParams({ query, after: found.nextCursor }).toString()}">More services</a></p>`}
<h2 id="other">Any other service, by its address</h2>
<ul class="rows">${general.map(({ connectorId, what }) => html`<li><a href="/connect?service=${encodeURIComponent(connectorId)}">${what.charAt(0).toUpperCase()}${what.slice(1)}</a></li>`)}</ul>`,
  };
}

function serviceRow({ connectorId, name, categories, custom }: Found['connectors'][number]): Html {
  const about = custom
    ? 'described by a file of whoever runs this Keyward'
    : categories.map((one) => one.replaceAll('-', ' ')).join(', ');
  return html`<li><a href="/connect?service=${encodeURIComponent(connectorId)}">${name}</a>
<span class="soft small">${about}</span></li>`;
}

/** The ways of a service, the quickest first, each with what it takes and where what it asks for is made. */
export function waysPage(ways: readonly Way[]): Shown {
  const [first] = ways;
  const name = first?.connector.name ?? 'this service';
  return {
    at: '/',
    title: `Connect ${name}`,
    body: html`<h1>Connect ${name}</h1>
<p>It can be connected in several ways. The quickest comes first.</p>
<ul class="rows">${ways.map(wayRow)}</ul>
<p><a href="/connect">Another service</a></p>`,
  };
}

function wayRow(way: Way): Html {
  const { connector, form } = way;
  const to = new URLSearchParams({ service: connector.id, type: form.authenticationType }).toString();
  return html`<li><a href="/connect?${to}">${wayTitle(way)}</a>
<span class="soft small">${sentence(effortText(way))}${form.keyUrl === undefined ? '' : html` ${outside(form.keyUrl, `Where to find it at ${connector.name}`)}`}</span></li>`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
