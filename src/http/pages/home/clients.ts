/** The OAuth clients that a person registered at services, each with what deleting it breaks. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { removeAuthConfig } from '../../../broker/grants/auth-configs.ts';
import { type ClientView, clientsOf } from '../../../broker/grants/own-clients.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { data, type Html } from '../page.ts';
import { moment } from '../time.ts';
import type { Desk, Visit } from './desk.ts';

/** `GET /clients` lists them; `POST /clients` deletes one. */
export function clientsRoutes({ broker, show, act }: Desk): Hono {
  const routes = new Hono();
  const serviceOf = (id: string) => broker.catalogue.get(id)?.name ?? id;
  const list = show(async (_c, visit) => {
    const clients = await clientsOf(broker, visit.principal);
    const given = [...broker.settings.authConfigs];
    return {
      at: '/clients',
      title: 'OAuth clients',
      body: html`<h1>OAuth clients</h1>
<p>An OAuth client is how a service knows Keyward. You register it at the service once; its secret is kept encrypted and not shown.</p>
${clients.length === 0 ? html`<p>You have none yet. Where a service needs one, its connect page asks for it.</p>` : html`<ul class="rows">${clients.map((one) => row(one, serviceOf(one.connectorId), visit))}</ul>`}
${
  given.length === 0
    ? ''
    : html`<h2>From the configuration of this Keyward</h2>
<p>Whoever runs it set these. They are used before your own, and can be changed there only.</p>
<ul class="rows">${given.map(([id, { clientId }]) => html`<li><strong>${serviceOf(id)}</strong><span class="soft small">client ID ${data(clientId)}</span></li>`)}</ul>`
}`,
    };
  });
  routes.get('/clients', list);
  const remove = act(async (_c, { principal }, form) => {
    await removeAuthConfig(broker, principal, form.get('clientId') ?? '');
    return '/clients';
  });
  routes.post('/clients', formsOnly, formLimit, remove);
  return routes;
}

function row(one: ClientView, service: string, { csrf, now }: Visit): Html {
  const { id, name, clientId, server, registered, connections, createdAt } = one;
  return html`<li><strong>${data(name)}</strong>
<span class="soft small">${service}${server === null ? '' : html` at <code>${server}</code>`} · client ID ${data(clientId)} · ${registered ? 'registered by Keyward itself' : 'entered'} ${moment(createdAt, now)}</span>
<form method="post" action="/clients" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="clientId" value="${id}">
<p>${breaks(connections, registered)}</p>
<button class="side" aria-label="Delete ${name}">Delete</button></form></li>`;
}

/** What deleting it leads to. */
function breaks(connections: number, registered: boolean): string {
  const later = registered
    ? 'Keyward registers anew when it is needed.'
    : 'The service still knows it: delete it there, too.';
  if (connections === 0) return `No connection of yours uses it. ${later}`;
  const [count, them] =
    connections === 1 ? ['One connection uses', 'it has'] : [`${connections} connections use`, 'they have'];
  return `${count} it. Without it their access can’t be renewed, and ${them} to be connected again. ${later}`;
}
