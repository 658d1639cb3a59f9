/** What several steps of a connect page say. */

import { html } from 'hono/html';
import type { BrokerSettings } from '../../../broker/broker.ts';
import type { ConnectView } from '../../../broker/connect/steps.ts';
import { quoted } from '../../../text.ts';
import { data, type Html, minutesLeft } from '../page.ts';

/** What the pages tell about the Keyward that serves them. */
export type Surroundings = {
  /** Host and port in the address bar. */
  readonly host: string;
  /** Where secrets are kept, in words that follow “kept”: `encrypted in the vault on this computer`. */
  readonly place: string;
  readonly release: BrokerSettings['release'];
  /** Milliseconds since 1970. */
  readonly now: number;
};

/** One step of {@link ConnectView}. */
export type Step<Name extends ConnectView['step']> = Extract<ConnectView, { step: Name }>;

/** Who wants what, as the start of a sentence. */
export function wish(view: ConnectView, act: string): string {
  if (view.own) return `You want to ${act}`;
  return `${view.client === null ? 'An assistant on this Keyward' : quoted(view.client)} wants to ${act}`;
}

/** Who wants to use the service, as the start of a sentence. */
export function wishToUse(view: ConnectView): string {
  const { name } = view.connector;
  return view.own ? wish(view, `connect ${name}`) : wish(view, `use ${name} for you`);
}

/** The facts a person needs before trusting the page with anything. */
export function facts(view: ConnectView, around: Surroundings): Html {
  return html`<dl class="facts">
${view.destination === null ? '' : html`<dt>Sent to</dt><dd><span class="code">${view.destination}</span> and nowhere else</dd>`}
${view.reconnects === null ? '' : html`<dt>Connects again</dt><dd>${data(view.reconnects.name)}${view.reconnects.account === null ? '' : html`, until now ${data(view.reconnects.account)}`}</dd>`}
<dt>Asked by</dt><dd>${view.own ? 'you' : (view.client ?? 'an assistant on this Keyward')}</dd>
${view.shares.length === 0 ? '' : html`<dt>Shared with</dt><dd>${sharing(view)}</dd>`}
<dt>Stored</dt><dd>${around.place}</dd>
<dt>Assistants</dt><dd>${releaseRule[around.release]}</dd>
<dt>Open for</dt><dd><time datetime="${new Date(view.expiresAt).toISOString()}">${minutesLeft(view.expiresAt - around.now)}</time></dd>
</dl>`;
}

/** A shared connection stays shared when it gets another secret. */
function sharing({ shares }: ConnectView): string {
  const named = shares.map(
    ({ with: who, permission }) => `${who}, to ${permission === 'use' ? 'call the service' : 'see'}`,
  );
  return `${named.join('; ')}. They keep that with what you enter or connect here.`;
}

const releaseRule = {
  approve: 'use the connection through Keyward; they see a secret only if you approve it',
  allow:
    'use the connection through Keyward, and may read its secret: this Keyward is set to allow that (KEYWARD_RELEASE)',
  never: 'use the connection through Keyward and never see its secret',
} as const;

/** The form fields that every form of an attempt carries. */
export function formHead(view: ConnectView, action: FormAction): Html {
  return html`<input type="hidden" name="csrf" value="${view.csrf}"><input type="hidden" name="action" value="${action}">`;
}

/** What a form of a connect page asks for. */
export type FormAction =
  | 'auth-config'
  | 'forget-auth-config'
  | 'inputs'
  | 'hand-over'
  | 'start-device'
  | 'claim'
  | 'again'
  | 'other-way'
  | 'cancel';

/** The way out, beside every way on. Nothing typed in the other form is sent with it. */
export function cancelForm(view: ConnectView): Html {
  return html`<form method="post">${formHead(view, 'cancel')}<button class="quiet">Don’t connect</button></form>`;
}

/** Begins anew. A form, because a link could be followed by a program that only looks ahead. */
export function againForm(view: ConnectView): Html {
  return html`<form method="post">${formHead(view, 'again')}<button>Start again</button></form>`;
}

/** Permissions as the service calls them, with what they let Keyward do where the vendor explains that. */
export function scopeList(scopes: readonly string[], texts: ConnectView['scopeDescriptions']): Html {
  return html`<ul class="scopes">${scopes.map((scope) => {
    const text = Object.hasOwn(texts, scope) ? texts[scope] : undefined;
    return html`<li>${text === undefined ? '' : html`${text} `}<code>${scope}</code></li>`;
  })}</ul>`;
}

/** A link to another site: only http and https, without telling it where the person comes from. */
export function outside(url: string, text: string | Html, className = ''): Html {
  const safe = webUrl(url);
  if (safe === null) return html`${text}`;
  return html`<a href="${safe}"${className === '' ? '' : html` class="${className}"`} rel="noopener noreferrer">${text}</a>`;
}

/** The URL if a page may link or send a person to it, else null. Parsing also drops line breaks. */
export function webUrl(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const parsed = new URL(url);
  return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : null;
}
