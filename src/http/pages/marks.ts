/** Pictures beside the names of services. They say nothing that the name does not say. */
import { html } from 'hono/html';
import * as logos from './logos.ts';
import type { Html } from './page.ts';

const logoOf = new Map(Object.entries(logos).map(([connectorId, { path }]) => [connectorId, path]));

/**
 * The logo of a connector's service, or the first letter of its id where there is none: a monogram. Only ids of built-in
 * connectors have logos, so a connector file can't look like a vendor.
 */
export function markOf(connectorId: string): Html {
  const path = logoOf.get(connectorId);
  if (path !== undefined)
    return html`<span class="mark" aria-hidden="true"><svg viewBox="0 0 24 24" fill="currentColor" focusable="false"><path d="${path}"/></svg></span>`;
  const [letter = '?'] = connectorId.replace(/^.*\./, '');
  return html`<span class="mark" aria-hidden="true">${letter.toUpperCase()}</span>`;
}
