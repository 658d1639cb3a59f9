/** Policies as somebody gives them: presets by name, and rules that are read and checked. */
import type { Api } from '../../connectors/connector.ts';
import { KeywardError } from '../../errors.ts';
import type { CallPolicy, CallRule, ToolRules } from '../../vault/vault.ts';
import { problemsOfTools, toolRulesOf } from '../mcp-servers/tool-rules.ts';
import { problemOfPattern } from './path-pattern.ts';

/**
 * What each preset is, by its name. Of an MCP server nobody knows which tools only read, so it is about tools as such, and
 * leaves prompts and resources as they are.
 *
 * @see RFC 9110 §9.2.1 for the methods that read
 */
const presets = {
  readOnly: {
    calls: { methods: ['GET', 'HEAD'], paths: null },
    tools: { allow: ['prompt:*', 'resource:*'], ask: [], refuse: [], unseen: 'refuse' },
  },
  askBeforeWriting: {
    calls: { methods: null, paths: null, ask: [{ methods: null, except: ['GET', 'HEAD'], paths: null }] },
    tools: { allow: null, ask: ['*'], refuse: [], unseen: 'refuse' },
  },
} as const satisfies Record<string, { readonly calls: CallPolicy; readonly tools: ToolRules }>;

type Preset = keyof typeof presets;

/** The names of the presets. */
export const presetNames = Object.keys(presets) as [Preset, ...Preset[]];

/** A policy as a caller gives it: a preset, or rules. Of rules, what is left out is not limited. */
export type PolicyInput = {
  /** Stands alone. */
  readonly preset?: string | undefined;
  readonly methods?: readonly string[] | null | undefined;
  readonly paths?: readonly string[] | null | undefined;
  /** What is asked first. */
  readonly ask?: readonly RuleInput[] | undefined;
  /** Of an MCP server, and only of one. */
  readonly tools?: unknown;
};

type RuleInput = Pick<PolicyInput, 'methods' | 'paths'> & { readonly except?: readonly string[] | undefined };

/** Most methods, paths or rules of a policy. */
const maxRules = 50;

/** What of a service says which rules fit it. */
type Service = Pick<Api, 'protocol' | 'unsafeGet'>;

/**
 * The policy as it is stored.
 *
 * @param service what is spoken there: tools are those of an MCP server, methods and paths those of any other API
 * @throws KeywardError `invalid_input` that names what is wrong
 */
export function readPolicy(given: PolicyInput, service: Service): CallPolicy {
  const { preset, methods, paths, ask = [], tools = null } = given;
  const alone = !methods && !paths && ask.length === 0 && tools === null;
  if (isPreset(preset) && alone) return presetOf(preset, service);
  const problems = problemsOfRule('', { methods, paths });
  if (preset !== undefined) problems.preset = `must be ${presetNames.join(' or ')}, and stand alone`;
  if (ask.length > maxRules) problems.ask = `must be at most ${maxRules} of them`;
  for (const [at, rule] of ask.entries()) Object.assign(problems, problemsOfRule(`ask.${at}.`, rule));
  if (service.protocol === 'mcp') {
    const rules = { methods, paths, ask: ask.length > 0 };
    for (const [field, rule] of Object.entries(rules)) {
      if (rule) problems[field] = 'is not for an MCP server, whose rules are tools';
    }
  }
  if (tools !== null && service.protocol !== 'mcp')
    problems.tools = 'are those of an MCP server, and this connection is none';
  else if (tools !== null) Object.assign(problems, problemsOfTools(tools));
  if (Object.keys(problems).length > 0) throw wrong(problems, service);
  const { methods: own, paths: places } = ruleOf({ methods, paths });
  return {
    methods: own,
    paths: places,
    ...(ask.length > 0 && { ask: ask.map(ruleOf) }),
    ...(tools !== null && { tools: toolRulesOf(tools ?? {}) }),
  };
}

function isPreset(name: string | undefined): name is Preset {
  return presetNames.some((one) => one === name);
}

/** A GET that may act is no reading: there everything is asked about, and nothing can be said to read only. */
function presetOf(name: Preset, { protocol, unsafeGet }: Service): CallPolicy {
  const { calls, tools } = presets[name];
  if (protocol === 'mcp') return { methods: null, paths: null, tools };
  if (!unsafeGet) return calls;
  if (name === 'askBeforeWriting') return { ...calls, ask: [{ methods: null, paths: null }] };
  throw new KeywardError('invalid_input', 'Nothing says which calls of this service only read.', {
    hint: 'A GET of it may change something. Name the paths that may be called, or use askBeforeWriting, which asks before each call there.',
    details: { fields: { 'policy.preset': 'can not be readOnly for this service' } },
  });
}

function problemsOfRule(field: string, { methods, except, paths }: RuleInput): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const [name, list] of Object.entries({ methods, except, paths })) {
    if (list && (list.length === 0 || list.length > maxRules))
      problems[`${field}${name}`] = `must be 1 to ${maxRules} of them`;
  }
  for (const [name, list] of Object.entries({ methods, except })) {
    if (list?.some((method) => !/^[A-Za-z]{1,20}$/.test(method)))
      problems[`${field}${name}`] = 'must be HTTP methods, such as GET';
  }
  if (methods && except) problems[`${field}except`] = 'does not go with methods';
  const problem = paths?.map(problemOfPattern).find((one) => one !== null);
  if (problem) problems[`${field}paths`] = problem;
  return problems;
}

function ruleOf({ methods, except, paths }: RuleInput): CallRule {
  const upper = (list: readonly string[]) => list.map((method) => method.toUpperCase());
  return {
    methods: methods ? upper(methods) : null,
    ...(except && { except: upper(except) }),
    paths: paths ? [...paths] : null,
  };
}

function wrong(problems: Readonly<Record<string, string>>, service: Service): KeywardError {
  return new KeywardError(
    'invalid_input',
    `${Object.entries(problems)
      .map(([field, problem]) => `policy.${field} ${problem}`)
      .join('; ')}.`,
    {
      hint: service.protocol === 'mcp' ? toolsHint : pathsHint,
      details: {
        fields: Object.fromEntries(Object.entries(problems).map(([field, rule]) => [`policy.${field}`, rule])),
      },
    },
  );
}

const pathsHint =
  'Such as {"methods": ["GET"], "paths": ["/repos/**"], "ask": [{"methods": ["POST"]}]}: * is one segment, ** any rest.';
const toolsHint =
  'Such as {"tools": {"allow": ["get_*"], "ask": ["create_issue"], "refuse": ["delete_*"], "unseen": "refuse"}}.';
