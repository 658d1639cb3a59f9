/** Connections that another tenant offers: the part of a person's page that shows them, and the address that takes the answers. */
import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import type { Broker } from '../../../broker/broker.ts';
import { answerOffer, type OfferView } from '../../../broker/credentials/answer-offer.ts';
import { idIn } from '../../../broker/input/text.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { data, type Html } from '../page.ts';
import { readCookie } from '../sign-in/cookies.ts';
import type { SignIn } from '../sign-in/index.ts';

/** More than these at once would be no question any more. */
const shownAtOnce = 10;

type OfferRoutes = {
  readonly broker: Broker;
  /** Whether browsers reach these pages over https. */
  readonly secure: boolean;
  readonly visitor: SignIn['visitor'];
};

/** `POST /offers/:id`: the answer of the person who signed in, from the form on their page. */
export function offerRoutes({ broker, secure, visitor }: OfferRoutes): Hono {
  const routes = new Hono();
  routes.post('/offers/:id', formsOnly, formLimit, async (c) => {
    const person = await visitor(c);
    if (typeof person === 'string') return c.redirect('/sign-in?to=/', 303);
    const form = new URLSearchParams(await c.req.text());
    await answerOffer(broker, person, {
      credentialId: idIn(c.req.param('id')) ?? '',
      answer: form.get('answer') ?? '',
      token: form.get('csrf') ?? '',
      browser: signedInAs(c, secure),
    });
    // 303: the browser GETs the page, and reloading it sends nothing twice.
    return c.redirect('/', 303);
  });
  return routes;
}

/** The secret that forms are bound to: what this browser signed in with. */
export function signedInAs(c: Context, secure: boolean): string {
  return readCookie(c, 'person', secure) ?? '';
}

/** What is offered to a person; nothing when nothing is. */
export function offersPart(offers: readonly OfferView[], now: number): Html | '' {
  if (offers.length === 0) return '';
  const more = offers.length - shownAtOnce;
  return html`<section aria-labelledby="offers"><h2 id="offers">Offered to you</h2>
<p>Somebody of another tenant wants to share this with you. They chose the name; look at who they are and where it goes. Your assistants see nothing of it unless you accept.</p>
<ul class="rows">${offers.slice(0, shownAtOnce).map((offer) => row(offer, now))}</ul>
${more > 0 ? html`<p>${more === 1 ? 'One more offer waits' : `${more} more offers wait`}: answer these first.</p>` : ''}</section>`;
}

/** Takes a connection of another tenant, which this person accepted, out of their lists. */
export function giveBack(offer: OfferView): Html {
  return html`<form method="post" action="/offers/${offer.credentialId}" class="small">${head(offer, 'decline')}<button class="quiet" aria-label="Remove from my connections: ${offer.name}">Remove from my connections</button></form>`;
}

function row(offer: OfferView, now: number): Html {
  const hosts = html`<code>${offer.hosts.join(', ')}</code>`;
  return html`<li><strong>${data(offer.name)}</strong>
<dl class="facts"><dt>Offered by</dt><dd>${data(offer.from)}</dd><dt>Service</dt><dd>${offer.connector}</dd><dt>Calls go to</dt><dd>${hosts}</dd><dt>Open for</dt><dd>${daysLeft(offer, now)}</dd></dl>
<p class="small">${
    offer.calls === null
      ? html`If you accept, your assistants see its name, account and state, and can’t call it.`
      : html`If you accept, your assistants can use it. ${offer.calls} What they send goes to an account that is not yours.`
  } Whoever offers it sees that you accepted. You can remove it at any time.</p>
<div class="actions"><form method="post" action="/offers/${offer.credentialId}">${head(offer, 'take')}<button class="side">Accept and add to my connections</button></form><form method="post" action="/offers/${offer.credentialId}">${head(offer, 'decline')}<button class="side">Decline this offer</button></form></div></li>`;
}

function head({ token }: OfferView, answer: 'take' | 'decline'): Html {
  return html`<input type="hidden" name="csrf" value="${token}"><input type="hidden" name="answer" value="${answer}">`;
}

function daysLeft({ endsAt }: OfferView, now: number): string {
  if (endsAt === null) return 'as long as it is not taken back';
  const days = Math.ceil((endsAt - now) / 86_400_000);
  return days <= 1 ? 'less than a day' : `another ${days} days`;
}
