/** The way between the pages of a person who signed in. */
import { html } from 'hono/html';
import { openApprovals } from '../../../broker/approvals/page.ts';
import type { Broker } from '../../../broker/broker.ts';
import type { Owner } from '../../../principal.ts';
import type { Html } from '../page.ts';

/** The pages, in the order in which they stand, by the path of each. */
const places = {
  '/': 'Connections',
  '/assistants': 'Assistants',
  '/approvals': 'Requests',
  '/activity': 'Activity',
  '/clients': 'OAuth clients',
  '/passkeys': 'Passkeys',
} as const;

export type Place = keyof typeof places;

type Around = {
  /** The page that is shown, or that the shown one belongs to. */
  readonly at: Place;
  /** How many requests wait for the person's yes. */
  readonly waiting: number;
  /** Whether people may have passkeys here. */
  readonly passkeys: boolean;
};

/** The navigation as it is for this person, at the page that is shown. */
export type Navigation = (owner: Owner, at: Place) => Promise<Html>;

/** @param passkeys whether people may have passkeys here */
export function createNavigation(broker: Broker, passkeys: boolean): Navigation {
  return async (owner, at) => {
    const waiting = (await openApprovals(broker, owner)).filter(({ state }) => state === 'pending').length;
    return navigation({ at, waiting, passkeys });
  };
}

function navigation({ at, waiting, passkeys }: Around): Html {
  const shown = Object.entries(places).filter(([path]) => passkeys || path !== '/passkeys');
  return html`<nav aria-label="Keyward"><ul>${shown.map(
    ([path, name]) => html`<li><a href="${path}"${path === at ? html` aria-current="page"` : ''}>${name}</a></li>`,
  )}</ul></nav>
${
  waiting === 0 || at === '/approvals'
    ? ''
    : html`<p class="notice"><a href="/approvals">${waiting === 1 ? 'A request waits' : `${waiting} requests wait`} for your approval</a></p>`
}`;
}
