/** The programs that act for a person: those that were let in, and the session tokens, each with a button that ends it. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import { type Assistant, assistantsOf, endAssistant } from '../../../broker/authorization/assistants.ts';
import { reachInWords } from '../../../broker/policy/reach.ts';
import { revokeOwnSession, type Session, sessionsOf } from '../../../broker/sign-in/sessions.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { data, type Html } from '../page.ts';
import { moment } from '../time.ts';
import type { Desk, Visit } from './desk.ts';

/**
 * `GET /assistants` lists them; `POST /assistants` ends one.
 *
 * @param overHttp whether programs come over HTTP; at the owner's own computer they need no token
 */
export function assistantsRoutes(desk: Desk, overHttp: boolean): Hono {
  const { broker } = desk;
  const routes = new Hono();
  const list = desk.show(async (_c, visit) => {
    const { owner } = visit;
    const reached = async <T extends { readonly limits?: unknown }>(all: readonly T[]) => {
      const words: { one: T; reach: string }[] = [];
      for (const one of all) words.push({ one, reach: await reachInWords(broker, owner, one.limits) });
      return words;
    };
    const assistants = await reached(await assistantsOf(broker, owner));
    const tokens = await reached(await sessionsOf(broker, owner));
    return {
      at: '/assistants',
      title: 'Your assistants',
      body: html`<h1>Your assistants</h1>
${
  overHttp
    ? ''
    : html`<p>Programs at this computer start Keyward themselves. They need no token, and nothing of them is kept here: what they may do, the rules of each connection say.</p>`
}
${
  assistants.length > 0
    ? html`<p>You let these programs in. One that you end can do nothing more from that moment on.</p>
<ul class="rows">${assistants.map(({ one, reach }) => assistantRow(one, reach, visit))}</ul>`
    : overHttp
      ? html`<p>You let no program in yet. One that signs in here appears on this page.</p>`
      : ''
}
${
  tokens.length === 0
    ? ''
    : html`<h2>Session tokens</h2>
<p>Whoever runs this Keyward made these for you, unless it says otherwise. A program that has one acts for you, with what stands beside it.</p>
<ul class="rows">${tokens.map(({ one, reach }) => tokenRow(one, reach, visit))}</ul>`
}`,
    };
  });
  routes.get('/assistants', list);
  const end = desk.act(async (_c, { principal }, form) => {
    const sessionId = form.get('sessionId');
    if (sessionId === null) await endAssistant(broker, principal, form.get('assistantId') ?? '');
    else await revokeOwnSession(broker, principal, sessionId);
    return '/assistants';
  }, kept);
  routes.post('/assistants', formsOnly, formLimit, end);
  return routes;
}

const kept = {
  at: '/assistants',
  says: () => 'End this assistant',
  fields: { assistantId: null, sessionId: null },
} as const;

function assistantRow(assistant: Assistant, reach: string, { csrf, now }: Visit): Html {
  const { id, name, vouchedBy, scopes, updatedAt, endsAt } = assistant;
  const who = vouchedBy === null ? 'registered itself' : html`<code>${vouchedBy}</code>`;
  return html`<li><strong>${data(name)}</strong>
<span class="soft small">${who} · ${reach} · last renewed ${moment(updatedAt, now)} · ends ${moment(endsAt, now)}</span>
${may(scopes)}
${endForm('assistantId', id, csrf, `End ${name}`)}</li>`;
}

function tokenRow(
  { id, name, scopes, createdAt, expiresAt, parent }: Session,
  reach: string,
  { csrf, now }: Visit,
): Html {
  return html`<li><strong>${name === undefined ? 'A token without a name' : data(name)}</strong>
<span class="soft small">${parent === undefined ? '' : 'made by a program from the token that it has · '}${reach} · made ${moment(createdAt, now)} · ${expiresAt === null ? 'does not end by itself' : html`ends ${moment(expiresAt, now)}`}</span>
${may(scopes)}
${endForm('sessionId', id, csrf, `End ${name ?? `the token ${id}`}`)}</li>`;
}

/** What a token lets its program do; a scope that is not here is shown by its name. */
const scopeWords: Readonly<Record<string, string>> = {
  'credentials:read': 'see connections',
  'credentials:write': 'connect, change and delete',
  'credentials:use': 'call services',
  'credentials:release': 'read secrets',
  'credentials:share': 'share with others',
  'credentials:act-as': 'act for other people',
  'audit:read': 'read the audit log',
};

function may(scopes: readonly string[]): Html {
  return html`<span class="soft small">May ${scopes.map((scope) => scopeWords[scope] ?? scope).join(', ')}</span>`;
}

function endForm(field: 'assistantId' | 'sessionId', id: string, csrf: string, label: string): Html {
  return html`<form method="post" action="/assistants" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="${field}" value="${id}"><button class="side" aria-label="${label}">End</button></form>`;
}
