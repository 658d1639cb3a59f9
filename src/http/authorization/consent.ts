/** The page that asks a person whether a program may come in: the browser's manners. What a yes does is the broker's matter. */
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Provider } from 'oidc-provider';
import { letIn, noteRefusal } from '../../broker/authorization/assistants.ts';
import { type Chosen, readChoice } from '../../broker/authorization/choice.ts';
import type { Broker } from '../../broker/broker.ts';
import { listCredentials } from '../../broker/credentials/manage.ts';
import { recentVisitorOf } from '../../broker/sign-in/visits.ts';
import { equalInConstantTime } from '../../broker/visitors/browser-binding.ts';
import { foreignForm } from '../../broker/visitors/form-errors.ts';
import { hasCode } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import { formLimit, formsOnly } from '../pages/form-guards.ts';
import { readCookie } from '../pages/sign-in/cookies.ts';
import type { SignIn } from '../pages/sign-in/index.ts';
import { accountOf } from './account.ts';
import { consentPage, leavingPage, type Offer } from './consent-page.ts';
import { consentPath } from './paths.ts';
import { nodeOf, type Request, requestOf, requestOver } from './request.ts';

type ConsentRoutes = {
  readonly broker: Broker;
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  readonly visitor: SignIn['visitor'];
  readonly provider: () => Promise<Provider>;
};

/** More are not offered one by one; those of a service are. */
const mostOffered = 500;

/** `GET` shows what is asked, `POST` takes the answer; a person who has not signed in does so first, and comes back. */
export function consentRoutes({ broker, secure, visitor, provider }: ConsentRoutes): Hono {
  const routes = new Hono();
  const path = consentPath(':uid');
  const visitIn = (c: Context) => readCookie(c, 'person', secure) ?? '';

  /** What the form of this request carries, for this person in this browser: nobody else can send it, and no other page. */
  const proofFor = (c: Context, { tenant, user }: Owner, uid: string): string =>
    broker.vault.proof('consent-form', JSON.stringify([uid, tenant, user, visitIn(c)]));

  const show = async (c: Context, person: Owner, request: Request, offer: Offer, problem?: string) => {
    const { host } = new URL(request.resource);
    const around = { csrf: proofFor(c, person, request.uid), person, host, offer };
    return c.html(consentPage(request, around, problem), problem === undefined ? 200 : 422);
  };

  routes.get(path, async (c) => {
    // What a yes begins outlives the sign-in, so a cookie that was taken later is not enough for the page.
    const person = await recentVisitorOf(broker, visitIn(c));
    if (person === null) return c.redirect(`/sign-in?to=${c.req.path}`, 303);
    const request = await requestOf(c, await provider());
    return show(c, person, request, await offerTo(broker, person));
  });

  routes.post(path, formsOnly, formLimit, async (c) => {
    const person = await visitor(c);
    if (typeof person === 'string') return c.redirect(`/sign-in?to=${c.req.path}`, 303);
    const server = await provider();
    const request = await requestOf(c, server);
    const form = new URLSearchParams(await c.req.text());
    if (!equalInConstantTime(form.get('csrf') ?? '', proofFor(c, person, request.uid))) throw foreignForm();
    const offer = await offerTo(broker, person);
    try {
      const isLetIn = form.get('answer') === 'yes';
      const result = isLetIn
        ? await agree(broker, person, request, offer, chosenIn(form), visitProof(broker, request.uid, visitIn(c)))
        : await refuse(broker, person);
      const { incoming, outgoing } = nodeOf(c);
      const goTo = await server.interactionResult(incoming, outgoing, result, { mergeWithLastSubmission: false });
      return c.html(leavingPage(request, goTo, isLetIn));
    } catch (error) {
      if (!hasCode(error, 'invalid_input', 'limit_reached')) throw error;
      return show(c, person, request, offer, `${error.message} ${error.hint ?? ''}`.trim());
    }
  });
  return routes;
}

/**
 * Lets only the browser go on in which the person said yes, and only while they are signed in there: another one may have the
 * cookies of the request, and everything may have been ended meanwhile.
 */
export function requireSameVisit({ broker, secure, visitor, provider }: ConsentRoutes): MiddlewareHandler {
  return async (c, next) => {
    const uid = c.req.param('uid') ?? '';
    const { result } = (await (await provider()).Interaction.find(uid)) ?? {};
    const { visit } = (result?.consent ?? {}) as { readonly visit?: string };
    if (visit !== undefined) {
      const same = equalInConstantTime(visit, visitProof(broker, uid, readCookie(c, 'person', secure) ?? ''));
      if (!same || typeof (await visitor(c)) === 'string') throw requestOver();
    }
    return next();
  };
}

/** What a yes is bound to: the sign-in of the browser that it came from. */
function visitProof(broker: Broker, uid: string, visit: string): string {
  return broker.vault.proof('consent-visit', JSON.stringify([uid, visit]));
}

async function agree(broker: Broker, person: Owner, request: Request, offer: Offer, chosen: Chosen, visit: string) {
  const offered = {
    connections: new Set(offer.connections.map(({ credentialId }) => credentialId)),
    connectors: new Set(offer.services.keys()),
  };
  const { clientId, name, vouchedBy, resource } = request;
  const choice = readChoice(request.scopes, offered, chosen);
  const agreement = { clientId, name: name ?? vouchedBy ?? 'a program without a name', vouchedBy, resource };
  const grantId = await letIn(broker, person, { ...agreement, ...choice });
  return { login: { accountId: accountOf(person), remember: false }, consent: { grantId, visit } };
}

async function refuse(broker: Broker, person: Owner) {
  await noteRefusal(broker, person);
  return { error: 'access_denied', error_description: 'The person said no.' };
}

/** What this person has to give: their connections, and those that are shared with them. */
async function offerTo(broker: Broker, person: Owner): Promise<Offer> {
  const reader = { ...person, scopes: new Set(['credentials:read'] as const), client: 'page' };
  const connections: Awaited<ReturnType<typeof listCredentials>>['credentials'] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await listCredentials(broker, reader, { limit: 100, cursor });
    connections.push(...page.credentials);
    cursor = page.nextCursor;
    if (cursor === undefined || connections.length >= mostOffered) break;
  }
  const services = new Map(
    connections.map(({ connectorId }) => [connectorId, broker.catalogue.get(connectorId)?.name ?? connectorId]),
  );
  return { connections, services };
}

function chosenIn(form: URLSearchParams): Chosen {
  return {
    which: form.get('which') ?? '',
    connections: form.getAll('connection'),
    connectors: form.getAll('connector'),
    readOnly: form.get('readOnly') === 'yes',
    days: Number(form.get('days')),
    scopes: form.getAll('scope'),
  };
}
