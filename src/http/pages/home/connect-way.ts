/** The form of one way to connect a service: whatever it asks for besides secrets, which the attempt's own page takes. */
import { html } from 'hono/html';
import { effortText, type Way, wayTitle } from '../../../broker/credentials/ways.ts';
import { takesScopes } from '../../../broker/input/asked-scopes.ts';
import { pageForm } from '../../../broker/input/forms.ts';
import { maxName } from '../../../broker/input/text.ts';
import { type Field, readFields } from '../connect/fields.ts';
import { type Filled, renderField, renderProblems } from '../connect/form.ts';
import type { Html } from '../page.ts';
import type { Shown } from './desk.ts';

/** What came back from a form that has to be corrected. */
type FilledWay = Filled & {
  /** The usual scopes that were ticked. */
  readonly chosen: ReadonlySet<string>;
};

const plain = { example: null, required: false, initial: '', kind: 'text', choices: [], file: null } as const;

const nameField: Field = {
  ...plain,
  name: 'name',
  label: 'Name',
  description: `At most ${maxName} characters. Left empty, it is named after the service and your account there.`,
};

const moreScopes: Field = {
  ...plain,
  name: 'scopes',
  label: 'Other permissions',
  description: 'As the service writes them, with spaces between them.',
};

/** The fields of a way that are no secret. */
export function openFieldsOf({ connector, auth }: Way): Field[] {
  return readFields(pageForm(connector, auth)).filter(({ kind }) => kind !== 'secret');
}

/** @param several the service has other ways, too */
export function wayPage(way: Way, csrf: string, several: boolean, filled?: FilledWay): Shown {
  const { connector, auth } = way;
  const fields = openFieldsOf(way);
  const shown = filled ?? { values: {}, problems: {} };
  const title = `Connect ${connector.name}`;
  return {
    at: '/',
    title: filled === undefined ? title : `To correct: ${title}`,
    body: html`${renderProblems([...fields, nameField, moreScopes], shown.problems)}
<h1>${title}</h1>
<p>${wayTitle(way)}: ${effortText(way)}.${several ? html` <a href="/connect?service=${encodeURIComponent(connector.id)}">Other ways</a>` : ''}</p>
<form method="post" action="/connect" novalidate><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="service" value="${connector.id}"><input type="hidden" name="type" value="${auth.authenticationType}">
${fields.map((field) => renderField(field, shown))}${scopesPart(way, filled)}${renderField(nameField, shown)}
<div class="actions"><button>Continue</button><a href="/connect">Another service</a></div></form>`,
  };
}

/** What will be asked for at the service: the usual permissions, ticked, and room for others. */
function scopesPart({ connector, auth }: Way, filled?: FilledWay): Html | '' {
  if (!takesScopes(connector, auth) || !('scopes' in auth)) return '';
  const boxes = auth.scopes.map(
    (scope) =>
      html`<label class="choice"><input type="checkbox" name="scope" value="${scope}"${(filled?.chosen.has(scope) ?? true) ? html` checked` : ''}> <span><code>${scope}</code></span></label>`,
  );
  return html`${
    boxes.length === 0
      ? ''
      : html`<fieldset class="field"><legend>Permissions that Keyward asks for</legend>
<p class="hint">Untick what your assistants will not need. ${connector.name} shows them again before you agree.</p>${boxes}</fieldset>`
  }${renderField(moreScopes, filled ?? { values: {}, problems: {} })}`;
}
