/** An attempt as a page: what is asked, by whom, for which service, where it will be kept, and what comes next. */
import { html } from 'hono/html';
import type { ConnectView } from '../../../broker/connect/steps.ts';
import { markOf } from '../marks.ts';
import { type Html, page } from '../page.ts';
import { completedPage, expiredPage, failedPage } from './final-steps.ts';
import type { Filled } from './form.ts';
import { authConfigPage, handOverPage, inputsPage } from './form-steps.ts';
import type { Surroundings } from './page-parts.ts';
import { authorizePage, claimPage, devicePage, deviceStartPage, workingPage } from './service-steps.ts';

const nothingFilled: Filled = { values: {}, problems: {} };

/** Steps whose heading names the service of the connector, and that have no other picture. */
const named: ReadonlySet<ConnectView['step']> = new Set([
  'claim',
  'auth_config',
  'inputs',
  'device_start',
  'authorize',
  'device',
]);

/** The page of an attempt's current step. `filled` is what came back from a form that has to be corrected. */
export function renderView(view: ConnectView, around: Surroundings, filled: Filled = nothingFilled): Html {
  const shown = show(view, around, filled);
  const waits = view.step === 'working' || view.step === 'device';
  return page({
    title: Object.keys(filled.problems).length > 0 ? `To correct: ${shown.title}` : shown.title,
    body: named.has(view.step) ? html`${markOf(view.connector.id)}\n${shown.body}` : shown.body,
    foot: `This page comes from Keyward at ${around.host}.`,
    ...(waits ? { wait: view.step } : {}),
    // A page with a code to copy must not move under the person's hands.
    reload: view.step === 'working',
  });
}

function show(view: ConnectView, around: Surroundings, filled: Filled): { title: string; body: Html } {
  switch (view.step) {
    case 'claim':
      return claimPage(view, around);
    case 'auth_config':
      return authConfigPage(view, around, filled);
    case 'inputs':
      return inputsPage(view, around, filled);
    case 'hand_over':
      return handOverPage(view, around);
    case 'device_start':
      return deviceStartPage(view, around, filled);
    case 'authorize':
      return authorizePage(view, around);
    case 'device':
      return devicePage(view, around);
    case 'working':
      return workingPage(view);
    case 'completed':
      return completedPage(view);
    case 'failed':
      return failedPage(view);
    case 'expired':
      return expiredPage(view);
  }
}
