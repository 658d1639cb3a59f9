/** With whom a connection is shared, for its owner: each share with its end, and the form for another one. */
import { html } from 'hono/html';
import type { ConnectionPage } from '../../../broker/credentials/page.ts';
import type { ShareInput } from '../../../broker/credentials/share.ts';
import { subjectOf } from '../../../principal.ts';
import { data, type Html } from '../page.ts';
import { fieldsFor, policyIn, ruleFields, ruleLabels, rulesInWords, typedFields } from './connection-rules.ts';
import type { Visit } from './desk.ts';
import { choiceField, problemPart, textField } from './fields.ts';
import { pageOf } from './own-request.ts';
import { day } from './states.ts';

/** The fields of the form, and what a person calls them. */
export const shareLabels = {
  who: 'With',
  whom: 'A user, or a tenant',
  permission: 'What they may do',
  ...ruleLabels,
} as const;

/** What the form asks for; `with` may hold the whole name of a share that is taken back. */
export function shareIn(
  form: URLSearchParams,
  view: Pick<ConnectionPage, 'credentialId' | 'protocol' | 'unsafeGet'>,
): ShareInput {
  const given = form.get('permission');
  const permission = given === 'use' || given === 'none' ? given : 'view';
  const kind = form.get('whom') === 'tenant' ? 'tenant' : 'user';
  const grantee = permission === 'none' ? (form.get('who') ?? '') : `${kind}:${(form.get('who') ?? '').trim()}`;
  const policy = permission === 'use' ? (policyIn(form, view) ?? everything(view)) : undefined;
  return { connectionId: view.credentialId, with: grantee, permission, ...(policy && { policy }) };
}

/** As said on the form: whatever the connection itself may do. */
function everything({ protocol }: Pick<ConnectionPage, 'protocol'>) {
  return protocol === 'mcp' ? { tools: {} } : { methods: null, paths: null };
}

/** @param typed what has to be corrected, and why */
export function sharesPart(
  view: ConnectionPage,
  { csrf }: Visit,
  typed?: { readonly form: URLSearchParams; readonly problem: string },
): Html {
  const shares = view.shares ?? [];
  const form = typed?.form ?? new URLSearchParams();
  // Nobody gets more by leaving the form as it is.
  const preset = view.protocol === 'mcp' ? 'ask' : view.unsafeGet ? 'askBeforeWriting' : 'readOnly';
  const careful = { ...fieldsFor(null, view), preset };
  const fields = typed === undefined ? careful : typedFields(form);
  return html`<section aria-labelledby="shares"><h2 id="shares">Shared with</h2>
${shares.length === 0 ? html`<p>Nobody. It is yours alone.</p>` : html`<ul class="rows">${shares.map((share) => row(view, csrf, share))}</ul>`}
<details${typed === undefined ? '' : html` open`}><summary>Share it with somebody</summary>
<form method="post" action="${pageOf(view.credentialId)}/share"><input type="hidden" name="csrf" value="${csrf}">
${problemPart(typed?.problem)}<p>They never see the secret. Who may use it acts at ${view.service} as you.</p>
${textField({ name: 'who', label: 'Who', value: form.get('who') ?? '', required: true, hint: 'The name that their token was made for, or the name of a tenant.' })}
${choiceField('whom', 'That is', form.get('whom') ?? 'user', { user: 'a user of your tenant', tenant: 'everybody of that tenant' })}
${choiceField('permission', 'They may', form.get('permission') ?? 'view', { view: 'see its name, account and state', use: 'use it, as the rules below say' })}
${ruleFields(view, fields)}<div class="actions"><button>Share it</button></div></form></details></section>`;
}

type OneShare = NonNullable<ConnectionPage['shares']>[number];

function row(view: ConnectionPage, csrf: string, share: OneShare): Html {
  const [kind = '', ...rest] = share.with.split(':');
  const name = subjectOf(rest.join(':'));
  const may = share.policy === undefined ? 'to see it' : html`to use it. ${rulesInWords(share.policy)}`;
  return html`<li><strong>${kind === 'tenant' ? 'Everybody of the tenant ' : ''}${data(name)}</strong>
<span class="soft small">${may}${offerState(share)}</span>
<form method="post" action="${pageOf(view.credentialId)}/share" class="small"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="who" value="${share.with}"><input type="hidden" name="permission" value="none"><button class="side" aria-label="Take it back from ${name}">Take it back</button></form></li>`;
}

function offerState({ status, takenBy = [], endsAt }: OneShare): Html | '' {
  switch (status) {
    case 'offered':
      return html` · offered, nobody took it yet${endsAt === undefined ? '' : html`; ends on ${day(Date.parse(endsAt))}`}`;
    case 'taken':
      return html` · taken by ${takenBy.join(', ')}`;
    case 'ended':
      return html` · the offer ended, and nobody took it`;
    case 'off':
      return html` · reaches nobody: this Keyward shares nothing across tenants`;
    default:
      return '';
  }
}
