/** The connect pages over HTTP. What may be done is the broker's matter; here are only the browser's manners. */
import { type Context, Hono } from 'hono';
import { takeLink } from '../../../broker/approvals/link.ts';
import { approvalOf } from '../../../broker/approvals/refusals.ts';
import type { Broker } from '../../../broker/broker.ts';
import { beginAgain } from '../../../broker/connect/begin-again.ts';
import { viewAttempt } from '../../../broker/connect/page.ts';
import {
  agreeToHandOver,
  cancelFromPage,
  claimAttempt,
  forgetAuthConfig,
  startDeviceFromPage,
  submitAuthConfig,
  submitInputs,
} from '../../../broker/connect/page-forms.ts';
import { idIn } from '../../../broker/input/text.ts';
import type { Sender } from '../../../broker/visitors/visitor.ts';
import { KeywardError, toPublic } from '../../../errors.ts';
import { localPrincipal } from '../../../principal.ts';
import { giveBinding, newBinding, readBinding } from '../binding-cookie.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { stepHeader } from '../script.ts';
import { askedToSignIn, type VisitorOf } from '../visitor-of.ts';
import { fieldsIn } from './form.ts';
import type { FormAction, Surroundings } from './page-parts.ts';
import { renderView } from './view.ts';

type ConnectRoutes = {
  readonly broker: Broker;
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  /** Where secrets are kept, in words that follow “kept”. */
  readonly place: string;
  readonly visitor: VisitorOf;
};

/** `GET /connect/:attemptId` shows the current step; its forms post to the same address. */
export function connectRoutes({ broker, secure, place, visitor }: ConnectRoutes): Hono {
  const routes = new Hono();
  const around = (c: Context): Surroundings => ({
    host: new URL(c.req.url).host,
    place,
    release: broker.settings.release,
    now: Date.now(),
  });

  routes.get('/connect/:attemptId', async (c) => {
    const id = attemptId(c);
    const known = readBinding(c, id, secure);
    // Unknown attempts throw before a cookie is given.
    const browser = known ?? newBinding();
    const view = await viewAttempt(broker, id, browser, await visitor(c)).catch(askedToSignIn);
    if (view === null) return c.redirect(`/sign-in?to=/connect/${id}`, 303);
    if (view.continuedAs !== null) return c.redirect(`/connect/${view.continuedAs}`, 303);
    if (known === null) giveBinding(c, id, browser, secure);
    c.header(stepHeader, view.step);
    return c.html(renderView(view, around(c)));
  });

  routes.post('/connect/:attemptId', formsOnly, formLimit, async (c) => {
    const id = attemptId(c);
    const browser = readBinding(c, id, secure);
    const form = new URLSearchParams(await c.req.text());
    const values = fieldsIn(form);
    const sender = { browser, csrf: form.get('csrf') ?? '', visitor: await visitor(c) };
    const action = form.get('action') ?? '';
    if (action === 'again' || action === 'other-way') {
      return c.redirect(await anew(broker, id, sender, action === 'again' ? null : (form.get('way') ?? '')), 303);
    }
    const result = await submit(broker, { id, sender, action, values });
    // 303: the browser GETs the next step, and reloading it sends nothing twice.
    if (result === null || browser === null) return c.redirect(`/connect/${id}`, 303);
    const view = await viewAttempt(broker, id, browser, sender.visitor);
    return c.html(renderView(view, around(c), { values, problems: result.problems }), 422);
  });
  return routes;
}

/**
 * Begins another attempt; answers where the person goes on, which may be to say yes to a host first. At the owner's own
 * computer a program may have sent the form, since it knows the link: so that page opens in the owner's browser alone.
 */
async function anew(broker: Broker, id: string, sender: Sender, type: string | null): Promise<string> {
  try {
    return `/connect/${await beginAgain(broker, id, sender, type)}`;
  } catch (error) {
    const asked = approvalOf(error);
    if (asked === undefined) throw error;
    if (sender.visitor !== 'local') return `/approvals/${asked.approvalId}`;
    const link = await takeLink(broker, localPrincipal, asked.approvalId, asked.askedAt);
    if (link !== null) await broker.pages.showLocally?.(link);
    throw new KeywardError('approval_required', toPublic(error).message, {
      hint: 'Answer in the browser window that opened, or with “keyward approvals” in a terminal. Then go back and send this once more.',
    });
  }
}

/** Hands the form to the broker; what it answers are problems by field, or null when the attempt went on. */
async function submit(broker: Broker, form: Form): Promise<{ problems: Readonly<Record<string, string>> } | null> {
  const { id, sender, action, values } = form;
  switch (action) {
    case 'auth-config':
      return submitAuthConfig(broker, id, sender, {
        clientId: values.clientId ?? '',
        clientSecret: values.clientSecret ?? '',
      });
    case 'inputs':
      return submitInputs(broker, id, sender, values);
    case 'forget-auth-config':
      await forgetAuthConfig(broker, id, sender);
      return null;
    case 'hand-over':
      return agreeToHandOver(broker, id, sender, values);
    case 'start-device':
      return startDeviceFromPage(broker, id, sender);
    case 'claim':
      await claimAttempt(broker, id, sender);
      return null;
    case 'cancel':
      await cancelFromPage(broker, id, sender);
      return null;
    default:
      throw new KeywardError('invalid_input', 'This form is not one of Keyward’s.', {
        hint: 'Open the link that your assistant gave you once more.',
      });
  }
}

type Form = {
  readonly id: string;
  readonly sender: Sender;
  readonly action: FormAction | (string & {});
  readonly values: Readonly<Record<string, string>>;
};

/** The attempt that the address names; an id of any other form names none. It goes into headers, so nothing else may. */
function attemptId(c: Context): string {
  const id = idIn(c.req.param('attemptId'));
  if (id !== null) return id;
  throw new KeywardError('not_found', 'There is no such connect flow.', {
    hint: 'Open the link as a whole, or ask the assistant to start again.',
  });
}
