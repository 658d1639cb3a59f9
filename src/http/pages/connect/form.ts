/** Form parts: fields with label, hint and error tied to them, and the summary of what has to be corrected. */
import { html } from 'hono/html';
import type { Html } from '../page.ts';
import type { Field } from './fields.ts';

/**
 * What was typed and what is wrong with it, by field name. A problem is a whole sentence, or begins with a small
 * letter and follows the field's name.
 */
export type Filled = {
  readonly values: Readonly<Record<string, string>>;
  readonly problems: Readonly<Record<string, string>>;
};

/** More choices than this become a select. */
const maxRadios = 5;

/** Prefix of a field's name in the form: a property may be called anything, `csrf` too. */
export const fieldPrefix = 'field.';

/** The fields that a person filled in, by property name. */
export function fieldsIn(form: URLSearchParams): Record<string, string> {
  const fields = [...form].filter(([name]) => name.startsWith(fieldPrefix));
  return Object.fromEntries(fields.map(([name, value]) => [name.slice(fieldPrefix.length), value]));
}

/** One field. A secret that was typed is never sent back; it has to be typed again. */
export function renderField(field: Field, filled: Filled): Html {
  const id = fieldId(field);
  const problem = filled.problems[field.name];
  const hinted = hasHint(field) && !repeats(field, problem);
  const noted = [hinted ? `${id}-hint` : '', problem === undefined ? '' : `${id}-error`].filter(Boolean);
  const state = html`${noted.length > 0 ? html` aria-describedby="${noted.join(' ')}"` : ''}${problem === undefined ? '' : html` aria-invalid="true"`}`;
  const label = html`${field.label}${field.required ? '' : html` <span class="optional">(optional)</span>`}`;
  const notes = html`${hinted ? hint(field) : ''}${problem === undefined ? '' : html`<p class="error" id="${id}-error">${sentence(field, problem)}</p>`}`;
  const value = filled.values[field.name] ?? field.initial;
  return field.kind === 'choice' && field.choices.length <= maxRadios
    ? html`<fieldset class="field" role="radiogroup"${field.required ? html` aria-required="true"` : ''}${state}><legend>${label}</legend>${notes}${radios(field, value)}</fieldset>`
    : html`<div class="field"><label for="${id}">${label}</label>${notes}${input(field, value, state)}</div>`;
}

/**
 * What has to be corrected, on top of the form: announced by screen readers, holding the focus, each line a link to
 * its field.
 */
export function renderProblems(fields: readonly Field[], problems: Filled['problems']): Html {
  const names = Object.keys(problems);
  if (names.length === 0) return html``;
  const line = (name: string): Html => {
    const field = fields.find((one) => one.name === name);
    return field === undefined
      ? html`<li>${problems[name]}</li>`
      : html`<li><a href="#${fieldId(field)}">${sentence(field, problems[name] ?? '')}</a></li>`;
  };
  return html`<div class="problems" role="alert" tabindex="-1" autofocus aria-labelledby="problems-title">
<h2 id="problems-title">${names.length === 1 ? 'One thing has to be corrected' : `${names.length} things have to be corrected`}</h2>
<ul>${names.map(line)}</ul></div>`;
}

function sentence(field: Field, problem: string): string {
  const text = /^\p{Ll}/u.test(problem) ? `${field.label} ${problem}` : problem;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function input(field: Field, value: string, state: Html): Html {
  const common = html`id="${fieldId(field)}" name="${fieldPrefix}${field.name}"${field.required ? html` required` : ''}${state}`;
  if (field.kind === 'choice') {
    const empty = field.required && value !== '' ? '' : html`<option value="">Choose…</option>`;
    return html`<select ${common}>${empty}${field.choices.map(
      (choice) => html`<option value="${choice}"${choice === value ? html` selected` : ''}>${choice}</option>`,
    )}</select>`;
  }
  const plain = html`autocomplete="off" autocapitalize="none" spellcheck="false"`;
  return field.kind === 'secret'
    ? html`<div class="beside"><input type="password" ${common} data-secret="${field.label}"${field.file === null ? '' : html` data-file="${field.file}"`} ${plain}></div>`
    : html`<input type="text" ${common} value="${value}" ${plain}>`;
}

function radios(field: Field, value: string): Html[] {
  return field.choices.map((choice, index) => {
    // The summary links to the first one.
    const id = index === 0 ? fieldId(field) : `${fieldId(field)}-${index}`;
    return html`<label class="choice"><input type="radio" id="${id}" name="${fieldPrefix}${field.name}" value="${choice}"${choice === value ? html` checked` : ''}> <span>${choice}</span></label>`;
  });
}

function hint(field: Field): Html {
  const example = field.example === null ? '' : html`For example <span class="code">${field.example}</span>`;
  const gap = field.description !== null && field.example !== null ? html`<br>` : '';
  return html`<p class="hint" id="${fieldId(field)}-hint">${field.description ?? ''}${gap}${example}</p>`;
}

/** True when the problem already says what the hint says. */
function repeats(field: Field, problem = ''): boolean {
  return [field.description, field.example].every((part) => part === null || problem.includes(part));
}

function hasHint(field: Field): boolean {
  return field.description !== null || field.example !== null;
}

function fieldId(field: Field): string {
  return `f-${field.name}`;
}
