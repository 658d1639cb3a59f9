/** The state of a connection and times, as every page here says them. */
import { html } from 'hono/html';
import type { Attention } from '../../../broker/credentials/attention.ts';
import type { ConnectionView } from '../../../broker/credentials/view.ts';
import { data, type Html, icons } from '../page.ts';

/** The state with its mark: a drawing, which says no more than the words. */
export function stateInWords(attention: Attention | null, { statusReason, reconnectBy }: ConnectionView): Html {
  const [tone, icon, words] = parts(attention, statusReason, reconnectBy);
  return html`<span class="state ${tone}">${icon}<span>${words}</span></span>`;
}

function parts(attention: Attention | null, reason: string | undefined, reconnectBy: string | null) {
  const why = reason === undefined ? '' : html`: ${data(reason)}`;
  const ends = reconnectBy === null ? '' : html`, ends on ${day(Date.parse(reconnectBy))}`;
  switch (attention?.kind) {
    case undefined:
      return ['ok', icons.check, html`Active${ends}`] as const;
    case 'ended':
      return ['bad', icons.cross, html`Ended by you${since(attention)}. Connect it again, or delete it`] as const;
    case 'reconnect':
      return ['bad', icons.cross, html`Has to be connected again${since(attention)}${why}`] as const;
    case 'unchecked':
      return ['due', icons.clock, html`Needs attention: its service did not confirm it${why}`] as const;
    case 'tools':
      return ['due', icons.clock, html`Needs attention: look at what changed at the server`] as const;
    case 'ends':
      return ['due', icons.clock, html`Needs attention${ends}: connect it again before that`] as const;
  }
}

function since({ at }: Attention): Html | '' {
  return at === null ? '' : html`, since ${day(at)}`;
}

/** 2026-11-21, in UTC as every day that Keyward shows. */
export function day(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)}</time>`;
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** 3 hours ago, with the exact time on hover; a day where that is longer ago than a month. */
export function ago(at: number, now: number): Html {
  const passed = Math.max(0, now - at);
  if (passed > 30 * 86_400_000) return day(at);
  const iso = new Date(at).toISOString();
  const [unit, length] = units.find(([, one]) => passed >= one) ?? ['', 0];
  const count = length === 0 ? 0 : Math.floor(passed / length);
  const words = unit === '' ? 'just now' : `${count} ${unit}${count === 1 ? '' : 's'} ago`;
  return html`<time datetime="${iso}" title="${iso.slice(0, 16).replace('T', ' ')} UTC">${words}</time>`;
}
