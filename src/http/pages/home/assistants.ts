/** The programs that a person let in, each with a button that ends it. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { type Assistant, assistantsOf, endAssistant } from '../../../broker/authorization/assistants.ts';
import { getConnection } from '../../../broker/credentials/manage.ts';
import { limitsFrom, limitsInWords } from '../../../broker/policy/limits.ts';
import type { Principal } from '../../../principal.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { data, type Html } from '../page.ts';
import type { Desk } from './desk.ts';

/** `GET /assistants` lists them; `POST /assistants` ends one. */
export function assistantsRoutes(desk: Desk): Hono {
  const { broker } = desk;
  const routes = new Hono();
  const list = desk.show(async (_c, { owner, principal, csrf }) => {
    const assistants = await assistantsOf(broker, owner);
    const names = await namesOf(desk, principal, assistants);
    return {
      at: '/assistants',
      title: 'Your assistants',
      body: html`<h1>Your assistants</h1>
${
  assistants.length === 0
    ? html`<p>You let no program in yet. One that signs in here appears on this page.</p>`
    : html`<p>You let these programs in. One that you end can do nothing more from that moment on.</p>
<ul class="rows">${assistants.map((one) => row(one, csrf, (id) => names.get(id) ?? null))}</ul>`
}`,
    };
  });
  routes.get('/assistants', list);
  const end = desk.act(async (_c, { principal }, form) => {
    await endAssistant(broker, principal, form.get('assistantId') ?? '');
    return '/assistants';
  });
  routes.post('/assistants', formsOnly, formLimit, end);
  return routes;
}

/** The names of the connections that assistants are held to, by id; those that are gone are missing. */
async function namesOf({ broker }: Desk, principal: Principal, assistants: readonly Assistant[]) {
  const ids = new Set(assistants.flatMap(({ limits }) => [...(limitsFrom(limits)?.connections ?? [])]));
  const names = new Map<string, string>();
  for (const connectionId of ids) {
    const found = await getConnection(broker, principal, { connectionId }).catch(() => null);
    if (found !== null) names.set(connectionId, found.name);
  }
  return names;
}

function row(assistant: Assistant, csrf: string, nameOf: (id: string) => string | null): Html {
  const { id, name, vouchedBy, limits, updatedAt, endsAt } = assistant;
  const who = vouchedBy === null ? 'registered itself' : html`<code>${vouchedBy}</code>`;
  return html`<li><strong>${data(name)}</strong>
<span class="soft small">${who} · ${limitsInWords(limitsFrom(limits), nameOf)} · last renewed ${day(updatedAt)} · ends ${day(endsAt)}</span>
<form method="post" action="/assistants" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="assistantId" value="${id}"><button class="side" aria-label="End ${name}">End</button></form></li>`;
}

/** 2026-11-21, in UTC as every time that Keyward shows. */
function day(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)}</time>`;
}
