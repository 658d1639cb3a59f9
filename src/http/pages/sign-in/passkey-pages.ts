/** What passkeys look like. Adding one and signing in with one take the script; without it nothing of them is offered. */
import { html } from 'hono/html';
import { data, type Html, page } from '../page.ts';
import { moment } from '../time.ts';

/** The fields of a form that the script sends once the browser has an answer. */
type PasskeyForm = {
  /** Where it is sent. */
  readonly action: string;
  /** Where the script gets what the browser is asked. */
  readonly options: string;
  readonly problem?: string | undefined;
};

/** A form that is sent with what the browser made or signed. `body` holds its fields and its button. */
export function passkeyForm({ action, options, problem }: PasskeyForm, body: Html): Html {
  return html`<form method="post" action="${action}" data-passkey="${options}" data-with-passkeys hidden><input type="hidden" name="answer">
<p class="error" role="alert"${problem === undefined ? html` hidden` : ''}>${problem ?? ''}</p>
${body}</form>`;
}

type PasskeysPage = {
  readonly passkeys: readonly {
    readonly id: string;
    readonly name: string;
    readonly createdAt: number;
    readonly usedAt: number | null;
    readonly copiedAt: number | null;
  }[];
  /** Whether the person signed in a moment ago, as adding one demands. */
  readonly recent: boolean;
  readonly full: boolean;
  readonly csrf: string;
  /** Where the person was going before this page was offered on the way; null: it was not. */
  readonly onwards: string | null;
  /** Host and port in the address bar. */
  readonly host: string;
  readonly navigation: Html;
  readonly name?: string;
  readonly problem?: string;
};

export function passkeysPage(shown: PasskeysPage): Html {
  const { passkeys, host, onwards, problem } = shown;
  const offered = onwards !== null && passkeys.length === 0;
  const title = offered ? 'Sign in without a code next time' : 'Your passkeys';
  return page({
    title: problem === undefined ? title : `To correct: ${title}`,
    body: html`<h1>${title}</h1>
<p>A passkey signs you in with the fingerprint, the face or the PIN of your device. Keyward gets none of these, and a passkey works at ${host} only.</p>
${passkeys.length === 0 ? '' : html`<ul class="rows">${passkeys.map((one) => row(one, shown))}</ul>`}
${onwards === null || offered ? '' : html`<p class="actions"><a class="button" href="${onwards}">Go on</a></p>`}
${add(shown)}
${offered ? html`<p><a href="${onwards}">Not now</a></p>` : ''}
<p class="soft small">If you lose them all, sign in with a code again. Whoever runs this Keyward gives you one.</p>`,
    navigation: shown.navigation,
    foot: `This page comes from Keyward at ${host}.`,
  });
}

function add({ recent, full, csrf, onwards, name, problem, passkeys }: PasskeysPage): Html {
  if (full)
    return html`<p>You have ${passkeys.length} passkeys, as many as one person may have. Remove one to add another.</p>`;
  if (!recent) {
    return html`<p>To add a passkey, sign in once more: you signed in longer than ten minutes ago.</p>
<p class="actions"><a class="button" href="/sign-in?to=/passkeys">Sign in</a></p>`;
  }
  const form = passkeyForm(
    { action: '/passkeys', options: '/passkeys/options', problem },
    html`<input type="hidden" name="csrf" value="${csrf}">${onwards === null ? '' : html`<input type="hidden" name="to" value="${onwards}">`}
<div class="field"><label for="name">Name of the new passkey</label>
<p class="hint" id="name-hint">So that you know it again, such as “Work laptop”.</p>
<input type="text" id="name" name="name" required maxlength="100" autocomplete="off" aria-describedby="name-hint" value="${name ?? ''}"></div>
<div class="actions"><button${onwards === null || passkeys.length === 0 ? '' : html` class="side"`}>Add a passkey</button></div>`,
  );
  return html`<p data-without-passkeys>This browser adds no passkeys here: that takes JavaScript and a browser of the last years.</p>
${form}`;
}

function row(one: PasskeysPage['passkeys'][number], { csrf }: PasskeysPage): Html {
  const used = one.usedAt === null ? 'not used yet' : html`last used ${moment(one.usedAt, Date.now())}`;
  return html`<li><strong>${data(one.name)}</strong>
<span class="soft small">added ${moment(one.createdAt, Date.now())} · ${used}</span>
${one.copiedAt === null ? '' : html`<span class="error">Somebody may have a copy of it: its counter went backwards ${moment(one.copiedAt, Date.now())}. It signs nobody in any more. Remove it.</span>`}
<form method="post" action="/passkeys/remove" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="id" value="${one.id}"><button class="side" aria-label="Remove the passkey ${one.name}">Remove</button></form></li>`;
}

/** At an address that browsers make no passkeys for, with another one that this Keyward has. */
export function passkeysElsewherePage(origin: string, host: string, navigation: Html): Html {
  return page({
    title: 'Your passkeys',
    body: html`<h1>Your passkeys</h1>
<p>Browsers keep passkeys for a name, and this address is a number. On this computer Keyward has a name, too: there you can add passkeys and sign in with them.</p>
<p class="actions"><a class="button" href="${origin}/sign-in?to=/passkeys">Go to ${new URL(origin).host}</a></p>
`,
    navigation,
    foot: `This page comes from Keyward at ${host}.`,
  });
}
