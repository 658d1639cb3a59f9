/** The approval pages over HTTP. What may be done is the broker's matter; here are only the browser's manners. */
import { type Context, Hono } from 'hono';
import { answerApproval, type Decision, listFromLink, viewApproval } from '../../../broker/approvals/page.ts';
import type { Broker } from '../../../broker/broker.ts';
import { idIn } from '../../../broker/input/text.ts';
import { KeywardError } from '../../../errors.ts';
import { giveBinding, newBinding, readBinding } from '../binding-cookie.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import type { Desk } from '../home/desk.ts';
import { carryOut } from '../home/own-request.ts';
import { stepHeader } from '../script.ts';
import { askedToSignIn, type VisitorOf } from '../visitor-of.ts';
import { approvalPage, approvalsPage } from './pages.ts';
import { requestsRoutes } from './requests.ts';
import { listStep } from './words.ts';

type ApprovalRoutes = {
  readonly broker: Broker;
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  readonly visitor: VisitorOf;
  /** The pages of a person who signed in; null where nobody does. */
  readonly desk: Desk | null;
};

/**
 * `GET /approvals` lists what waits for whoever signed in. `GET /approvals/:id` shows one request, at the owner's own
 * computer only with the token of its link; its forms post to the same address.
 */
export function approvalRoutes({ broker, secure, visitor, desk }: ApprovalRoutes): Hono {
  const routes = new Hono();

  if (desk !== null) routes.route('/', requestsRoutes(desk));

  // At the owner's own computer the link of one request leads to all of them.
  routes.get('/approvals/:id/:token/all', async (c) => {
    if ((await visitor(c)) !== 'local') return c.notFound();
    const views = await listFromLink(broker, linkOf(c));
    c.header(stepHeader, listStep(views));
    return c.html(approvalsPage(views, around(c)));
  });

  routes.get('/approvals/:id/:token?', async (c) => {
    const link = linkOf(c);
    const known = readBinding(c, link.id, secure);
    // Unknown requests throw before a cookie is given.
    const browser = known ?? newBinding();
    const person = await visitor(c);
    const view = await viewApproval(broker, link, browser, person).catch(askedToSignIn);
    if (view === null) return c.redirect(`/sign-in?to=/approvals/${link.id}`, 303);
    if (known === null) giveBinding(c, link.id, browser, secure);
    c.header(stepHeader, view.state);
    const navigation =
      typeof person === 'string' || desk === null ? undefined : await desk.navigation(person, '/approvals');
    return c.html(approvalPage(view, { ...around(c), navigation }));
  });

  routes.post('/approvals/:id/:token?', formsOnly, formLimit, async (c) => {
    const link = linkOf(c);
    const form = new URLSearchParams(await c.req.text());
    const browser = readBinding(c, link.id, secure);
    const person = await visitor(c);
    const sender = { browser, csrf: form.get('csrf') ?? '', visitor: person };
    const decision = decisionOf(form);
    const approval = await answerApproval(broker, link, sender, decision);
    if (typeof person !== 'string' && decision.answer === 'once') {
      const next = await carryOut(broker, person, approval);
      if (next !== null) return c.redirect(next, 303);
    }
    // 303: the browser GETs the outcome, and reloading it sends nothing twice.
    return c.redirect(c.req.path, 303);
  });
  return routes;
}

function around(c: Context) {
  return { host: new URL(c.req.url).host, now: Date.now() };
}

function decisionOf(form: URLSearchParams): Decision {
  const answer = form.get('answer');
  switch (answer) {
    case 'once':
    case 'deny':
    case 'end':
      return { answer };
    case 'minutes':
      return { answer, minutes: Number(form.get('minutes')) };
    default:
      throw new KeywardError('invalid_input', 'This form is not one of Keyward’s.', {
        hint: 'Open the page once more.',
      });
  }
}

function linkOf(c: Context): { id: string; token: string | null } {
  const id = idIn(c.req.param('id'));
  if (id !== null) return { id, token: c.req.param('token') ?? null };
  throw new KeywardError('not_found', 'There is no such request.', { hint: 'Open the link as a whole.' });
}
