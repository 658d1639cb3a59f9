/** The programs that a person let in: the part of their page that lists them, each with a button that ends it. */
import { html } from 'hono/html';
import type { Assistant } from '../../../broker/authorization/assistants.ts';
import { limitsFrom, limitsInWords } from '../../../broker/policy/limits.ts';
import { data, type Html } from '../page.ts';

/**
 * The programs that were let in; nothing when there are none.
 *
 * @param nameOf the name of a connection, by its id; null where it is not known
 */
export function assistantsPart(
  assistants: readonly Assistant[],
  csrf: string,
  nameOf: (id: string) => string | null,
): Html | '' {
  if (assistants.length === 0) return '';
  return html`<section aria-labelledby="assistants"><h2 id="assistants">Assistants</h2>
<p>You let these programs in. One that you end can do nothing more from that moment on.</p>
<ul class="rows">${assistants.map((one) => row(one, csrf, nameOf))}</ul></section>`;
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
