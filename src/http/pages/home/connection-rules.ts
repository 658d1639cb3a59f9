/** Which calls a connection may make, as a form: presets in words, and the rules themselves for those that they don't fit. */
import { html } from 'hono/html';
import { type CallPolicy, inWords } from '../../../broker/calls/policy.ts';
import { type PolicyInput, presetNames, readPolicy } from '../../../broker/calls/policy-input.ts';
import type { ConnectionPage } from '../../../broker/credentials/page.ts';
import { KeywardError } from '../../../errors.ts';
import { data, type Html } from '../page.ts';
import type { Visit } from './desk.ts';
import { choiceField, linesIn, namesIn, problemPart, textField } from './fields.ts';
import { pageOf } from './own-request.ts';

/** What the fields hold, by name. */
type RuleFields = Readonly<Record<'preset' | 'methods' | 'paths' | 'allow' | 'ask' | 'refuse' | 'unseen', string>>;

/** The fields of the rules, and what a person calls them. */
export const ruleLabels = {
  preset: 'Calls',
  methods: 'Methods',
  paths: 'Paths',
  allow: 'Allowed tools',
  ask: 'What asks first',
  refuse: 'Refused tools',
  unseen: 'New and changed tools',
} as const;

/** What of a connection says which rules fit it. */
type Service = Pick<ConnectionPage, 'protocol' | 'unsafeGet'>;

/** The rules in the fields; null lifts every limit. What is wrong with them is for `readPolicy` to say. */
export function policyIn(form: URLSearchParams, service: Service): PolicyInput | null {
  const text = (name: keyof RuleFields) => form.get(name) ?? '';
  const preset = text('preset');
  if (service.protocol === 'mcp') {
    const unseen = text('unseen') || 'refuse';
    if (preset === 'all') return unseen === 'refuse' ? null : { tools: { unseen } };
    if (preset === 'ask') return { tools: { ask: everyTool, unseen } };
    if (preset !== 'own') throw noPreset();
    const allow = linesIn(text('allow'));
    const lists = { ask: linesIn(text('ask')), refuse: linesIn(text('refuse')) };
    return { tools: { allow: allow.length === 0 ? null : allow, ...lists, unseen } };
  }
  const paths = orNull(linesIn(text('paths')));
  if (presetNames.some((name) => name === preset)) {
    // Within these paths it is what it is everywhere.
    return paths === null ? { preset } : { ...readPolicy({ preset }, service), paths };
  }
  if (preset !== 'own' && preset !== 'all') throw noPreset();
  if (preset === 'own')
    return { methods: orNull(namesIn(text('methods'))), paths, ask: linesIn(text('ask')).map(askIn) };
  return paths === null ? null : { paths };
}

/** A form that says nothing lifts no limit. */
function noPreset(): KeywardError {
  const details = { fields: { preset: 'is missing' } };
  return new KeywardError('invalid_input', 'Choose which calls are allowed.', { details });
}

const everyTool = ['*'];

/** An empty list limits nothing. */
function orNull(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : list;
}

/** `POST,DELETE /repos/**`: methods, `*` for every one or `!GET` for every other one, and paths; without paths all of them. */
function askIn(line: string) {
  const [names = '*', ...paths] = line.split(/\s+/);
  const list = names.replace(/^!/, '').split(',').filter(Boolean);
  return {
    ...(names !== '*' && { [names.startsWith('!') ? 'except' : 'methods']: list }),
    paths: paths.length === 0 ? null : paths,
  };
}

function askLine({ methods, except, paths }: NonNullable<CallPolicy['ask']>[number]): string {
  const names = except === undefined ? (methods?.join(',') ?? '*') : `!${except.join(',')}`;
  return [names, ...(paths ?? [])].join(' ');
}

/** The fields as they stand for rules that hold. */
export function fieldsFor(policy: CallPolicy | null, service: Service): RuleFields {
  const { methods = null, paths = null, ask: asked = [] } = policy ?? {};
  const { allow = null, ask = [], refuse = [], unseen = 'refuse' } = policy?.tools ?? {};
  const free = allow === null && refuse.length === 0;
  const tools = free && ask.length === 0 ? 'all' : free && ask.join() === everyTool.join() ? 'ask' : 'own';
  const isMcp = service.protocol === 'mcp';
  return {
    preset: isMcp ? tools : presetOf({ methods, ask: asked }, service),
    methods: methods?.join(', ') ?? '',
    paths: paths?.join('\n') ?? '',
    allow: allow?.join('\n') ?? '',
    ask: isMcp ? ask.join('\n') : asked.map(askLine).join('\n'),
    refuse: refuse.join('\n'),
    unseen,
  };
}

/** By which name these rules go, whatever their paths. */
function presetOf({ methods, ask }: Required<Pick<CallPolicy, 'methods' | 'ask'>>, service: Service): string {
  const text = ({ methods, ask = [] }: Pick<CallPolicy, 'methods' | 'ask'>) =>
    JSON.stringify([methods, ask.map(askLine)]);
  const names = presetNames.filter((name) => name === 'askBeforeWriting' || !service.unsafeGet);
  const found = names.find((name) => text(readPolicy({ preset: name }, service)) === text({ methods, ask }));
  return found ?? (methods === null && ask.length === 0 ? 'all' : 'own');
}

/** What was typed, to be shown again. */
export function typedFields(form: URLSearchParams): RuleFields {
  const names = Object.keys(ruleLabels) as (keyof RuleFields)[];
  return Object.fromEntries(names.map((name) => [name, form.get(name) ?? ''])) as RuleFields;
}

/** The form in which rules are changed; nothing changes before the person has seen them in words. */
export function rulesPage(view: ConnectionPage, { csrf }: Visit, fields: RuleFields, problem?: string) {
  const title = `What ${view.service} may be called for`;
  return {
    at: '/' as const,
    title: problem === undefined ? title : `To correct: ${title}`,
    body: html`<p class="back"><a href="${pageOf(view.credentialId)}">${data(view.name)}</a></p><h1>${title}</h1>
<p>These rules hold for everybody who uses this connection: your assistants, your programs, and those with whom you share it.</p>
${problemPart(problem)}<p>Now: ${rulesInWords(view.policy ?? null)}</p>
<form method="post" action="${pageOf(view.credentialId)}/rules"><input type="hidden" name="csrf" value="${csrf}">
${ruleFields(view, fields)}<div class="actions"><button>Look at these rules</button></div></form>`,
  };
}

/** The fields alone, for every form that sets rules. */
export function ruleFields(view: Pick<ConnectionPage, 'protocol' | 'unsafeGet'>, fields: RuleFields): Html {
  if (view.protocol === 'mcp') {
    return html`${choiceField('preset', 'Tools', fields.preset, {
      all: 'Every tool',
      ask: 'Ask me before each tool',
      own: 'Only as the lists below say',
    })}
${textField({ name: 'allow', label: 'Allowed', value: fields.allow, lines: true, hint: html`One name a line; <code>*</code> stands for any characters, as in <code>get_*</code>. Empty: every tool.` })}
${textField({ name: 'ask', label: 'Ask me first', value: fields.ask, lines: true })}
${textField({ name: 'refuse', label: 'Refused', value: fields.refuse, lines: true })}
${choiceField('unseen', 'Tools that are new, or changed since you saw them', fields.unseen || 'refuse', {
  refuse: 'Refused until you looked at them',
  ask: 'Ask me first',
  allow: 'As any other',
})}`;
  }
  const asks = view.unsafeGet
    ? 'each call: at this service a GET may change something, too'
    : 'whatever is not GET or HEAD';
  return html`${choiceField('preset', 'Calls', fields.preset, {
    all: 'Every call',
    ...(view.unsafeGet ? {} : { readOnly: 'Reading only: GET and HEAD' }),
    askBeforeWriting: `Ask me before ${asks}`,
    own: 'Only as the lists below say',
  })}
${textField({ name: 'paths', label: 'Paths', value: fields.paths, lines: true, hint: html`One a line. <code>*</code> stands for one segment, <code>**</code> for the rest, as in <code>/repos/**</code>. Empty: every path.` })}
${textField({ name: 'methods', label: 'Methods, for “the lists below”', value: fields.methods, hint: html`Between commas, as in <code>GET, POST</code>. Empty: every method.` })}
${textField({ name: 'ask', label: 'Ask me first, for “the lists below”', value: fields.ask, lines: true, hint: html`One rule a line: methods, then paths, as in <code>POST,DELETE /repos/**</code>. <code>*</code> is every method, <code>!GET</code> every one but GET.` })}`;
}

/** What holds now and what would hold then, in words, and the button that sets it. */
export function lookPage(view: ConnectionPage, { csrf }: Visit, form: URLSearchParams) {
  const given = policyIn(form, view);
  const next = given && readPolicy(given, view);
  const back = `${pageOf(view.credentialId)}/rules`;
  return {
    at: '/' as const,
    title: 'Set these rules?',
    isOutcome: true as const,
    body: html`<h1>Set these rules?</h1>
<dl class="facts"><dt>Connection</dt><dd>${data(view.name)}</dd><dt>Now</dt><dd>${rulesInWords(view.policy ?? null)}</dd><dt>Then</dt><dd>${rulesInWords(next)}</dd></dl>
<form method="post" action="${back}"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="step" value="set">
${Object.entries(typedFields(form)).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<div class="actions"><button>Set these rules</button><a href="${pageOf(view.credentialId)}">Leave them as they are</a></div></form>`,
  };
}

/** Rules as a person reads them. */
export function rulesInWords(policy: CallPolicy | null): string {
  return policy === null ? 'Every call is allowed.' : inWords(policy);
}
