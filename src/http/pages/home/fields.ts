/** Parts of the forms of these pages: each with its label, its hint, and what is wrong with it. */
import { html } from 'hono/html';
import type { Html } from '../page.ts';

type TextField = {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly hint?: string | Html;
  /** Several lines, one value each. */
  readonly lines?: true;
  readonly required?: true;
};

export function textField({ name, label, value, hint, lines, required }: TextField): Html {
  const common = html`id="f-${name}" name="${name}"${hint === undefined ? '' : html` aria-describedby="f-${name}-hint"`}${required ? html` required` : ''} autocomplete="off" autocapitalize="none" spellcheck="false"`;
  return html`<div class="field"><label for="f-${name}">${label}</label>${hint === undefined ? '' : html`<p class="hint" id="f-${name}-hint">${hint}</p>`}
${lines ? html`<textarea class="typing" rows="3" ${common}>${value}</textarea>` : html`<input type="text" ${common} value="${value}">`}</div>`;
}

/** One of several; the value that is chosen, and what each is called. */
export function choiceField(
  name: string,
  label: string,
  chosen: string,
  choices: Readonly<Record<string, string | Html>>,
): Html {
  return html`<fieldset class="field" role="radiogroup"><legend>${label}</legend>${Object.entries(choices).map(
    ([value, text]) =>
      html`<label class="choice"><input type="radio" name="${name}" value="${value}"${value === chosen ? html` checked` : ''}> <span>${text}</span></label>`,
  )}</fieldset>`;
}

/** What has to be corrected, above the form. */
export function problemPart(problem: string | undefined): Html | '' {
  if (problem === undefined) return '';
  return html`<div class="problems" role="alert" tabindex="-1" autofocus><p>${problem}</p></div>`;
}

/** What stands in a text field, between commas, spaces or line breaks. */
export function namesIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}

/** What stands in the lines of a text field, each as it is. */
export function linesIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
