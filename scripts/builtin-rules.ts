/** What a built-in definition must keep besides the rules of every definition: nobody checks it again when it is loaded. */
import { getDomain } from 'tldts';
import { fieldsOf } from '../src/broker/input/fields.ts';
import { credentialForm, readInputs } from '../src/broker/input/forms.ts';
import { isOAuthType, usesTokenEndpoint } from '../src/connectors/auth-kinds.ts';
import { checkDefinition } from '../src/connectors/definition/checks.ts';
import { complete } from '../src/connectors/definition/complete.ts';
import type { AuthMethod, Connector, ConnectorFile, Inputs } from '../src/connectors/definition/definition.ts';
import type { CatalogueProblem, Report } from '../src/connectors/definition/definition-problem.ts';
import { serverUrls } from '../src/connectors/server-hosts.ts';
import {
  fillAllowed,
  fillEncoded,
  fillTemplate,
  fillText,
  fillUrl,
  urlParts,
  type Values,
  variablesIn,
  wholeVariable,
} from '../src/connectors/template.ts';
import { checkFamily } from './family-rules.ts';

/** What connectors are sorted by; a new one is a decision, so that a list narrows to something. */
export const categories: readonly string[] = [
  'ai',
  'analytics',
  'cloud',
  'commerce',
  'communication',
  'crm',
  'data',
  'design',
  'developer-tools',
  'documents',
  'finance',
  'generic',
  'hr',
  'marketing',
  'mcp',
  'media',
  'monitoring',
  'productivity',
  'project-management',
  'security',
  'social',
  'storage',
  'support',
];

/** A definition file: its name, and what `JSON.parse` made of it. */
export type DefinitionFile = { readonly name: string; readonly json: unknown };

/** Every rule that one of the files breaks, and the definitions that keep the rules of all definitions. */
export function checkBuiltins(files: readonly DefinitionFile[]): {
  readonly definitions: readonly ConnectorFile[];
  readonly problems: readonly CatalogueProblem[];
} {
  const definitions: ConnectorFile[] = [];
  const problems: CatalogueProblem[] = [];
  const takenBy = new Map<string, string>();
  for (const { name: file, json } of files) {
    const report: Report = (field, rule) => problems.push({ file, field, rule });
    const { definition, problems: found } = checkDefinition(json);
    problems.push(...found.map((problem) => ({ file, ...problem })));
    if (!definition) continue;
    definitions.push(definition);
    if (file !== `${definition.id}.json`) report('id', 'must be the name of the file');
    checkNames(definition, takenBy, report);
    checkFacts(definition, report);
    checkAuth(definition, complete(definition), report);
    checkFamily(complete(definition), report);
    checkScopeTexts(definition, report);
  }
  return { definitions, problems };
}

/** Ids, names and aliases are what people search for: each leads to one connector. */
function checkNames(definition: ConnectorFile, takenBy: Map<string, string>, report: Report): void {
  const { id, name, aliases = [] } = definition;
  const names = [['id', id], ['name', name], ...aliases.map((alias, index) => [`aliases.${index}`, alias])] as const;
  for (const [field = '', text = ''] of names) {
    const key = text.toLowerCase();
    const other = takenBy.get(key);
    if (other !== undefined && other !== id) report(field, `“${text}” leads to ${other} already`);
    takenBy.set(key, other ?? id);
  }
  const again = aliases.findIndex((alias, index) => [id, name, ...aliases.slice(0, index)].some(sameText(alias)));
  if (again >= 0) report(`aliases.${again}`, 'says again what id, name or another alias says');
}

function checkFacts(definition: ConnectorFile, report: Report): void {
  const { docsUrl, appUrl, verifiedOn, evidence = [], unverified: _, ...facts } = definition;
  if (verifiedOn === undefined) report('verifiedOn', 'is missing');
  else if (Date.parse(verifiedOn) > Date.now()) report('verifiedOn', 'is in the future');
  if (evidence.length === 0) report('evidence', 'is missing: name the page of the vendor');
  const pages = { docsUrl, appUrl, ...Object.fromEntries(evidence.map((page, index) => [`evidence.${index}`, page])) };
  for (const [field, page] of Object.entries(pages)) if (!page.startsWith('https:')) report(field, 'must be https');
  for (const field of fieldsWith(facts, 'http://')) report(field, 'must be https');
  definition.categories.forEach((category, index) => {
    if (!categories.includes(category)) report(`categories.${index}`, `must be one of ${categories.join(', ')}`);
  });
}

function checkAuth(definition: ConnectorFile, connector: Connector, report: Report): void {
  checkHints(connector.inputs, 'inputs', report);
  connector.auth.forEach((auth, index) => {
    const path = `auth.${index}`;
    // What nobody knows before a connection says where it goes; and an MCP server is verified by its list of tools.
    const unknown = wholeVariable(auth.api.baseUrl) !== null || auth.api.protocol === 'mcp';
    if (auth.api.verify === null && !unknown)
      report(`${path}.api.verify`, 'is missing: one harmless call that shows that it works');
    // A server that is found says itself which scopes it wants.
    const found = auth.authenticationType === 'oauth2' && auth.protectedResource !== null;
    const scopes = auth.authenticationType === 'oauth2' && !found ? scopesIn(definition, index) : [];
    if (scopes === undefined) report(`${path}.scopes`, 'is missing; [] says that the service has no scopes');
    checkMcp(definition, auth, path, report);
    if (scopes?.length === 0 && 'scopeOnRefresh' in auth && auth.scopeOnRefresh)
      report(`${path}.scopes`, 'must not be empty: a refresh repeats them');
    if (speaksGraphql(auth) && !auth.api.unsafeGet)
      report(`${path}.api.unsafeGet`, 'must be true: what a GraphQL request does is in a parameter');
    checkSuffixes(auth, path, report);
    checkKeyPage(definition, index, auth, report);
    checkHints(auth.inputs, `${path}.inputs`, report);
    checkSample(connector, auth, path, report);
  });
}

/**
 * A named MCP server is one address: its secret goes to no host beside it, and people find it beside the API of the service.
 */
function checkMcp({ name, categories }: ConnectorFile, { api }: AuthMethod, path: string, report: Report): void {
  if ((api.protocol === 'mcp') !== categories.includes('mcp'))
    report('categories', 'must have mcp for an MCP server, and for nothing else');
  if (api.protocol !== 'mcp' || wholeVariable(api.baseUrl) !== null) return;
  if (!name.endsWith(' MCP server')) report('name', 'must end in “MCP server”');
  const { authority = '' } = urlParts(api.baseUrl) ?? {};
  if (!authority.includes('{') && api.allowedHosts.join() !== authority)
    report(`${path}.api.allowedHosts`, 'must be the host of the server alone');
}

/** True where the verification call is a GraphQL query. */
function speaksGraphql({ api: { verify } }: AuthMethod): boolean {
  const body: unknown = verify?.body;
  const query = typeof body === 'object' && body !== null && 'query' in body ? body.query : null;
  return typeof query === 'string' && /^\s*(query\b[^{]*)?\{/.test(query);
}

/** Whoever looks for a key must not be sent to a page about OAuth; an address that the default gives stands once. */
function checkKeyPage({ docsUrl, appUrl, auth: ways }: ConnectorFile, index: number, auth: AuthMethod, report: Report) {
  const { keyUrl } = auth;
  const beside = ways.some(({ authenticationType }) => isOAuthType(authenticationType));
  if (keyUrl === null) return;
  if (/(?<![a-z])o-?auth/i.test(keyUrl) || (beside && keyUrl === docsUrl))
    report(`auth.${index}.keyUrl`, 'must be about the key: this is a page about OAuth');
  const way = ways[index];
  if (way && 'keyUrl' in way && !beside && keyUrl === appUrl)
    report(`auth.${index}.keyUrl`, 'says again what appUrl says');
}

/** A page links to `keyUrl`; what a hint names can only be copied. Hosts to choose from, and parts of an address, may stand there. */
function checkHints({ properties }: Inputs, path: string, report: Report): void {
  for (const [name, { title = '', description = '' }] of Object.entries(properties))
    for (const [field, text] of Object.entries({ title, description }))
      if (/:\/\/|\bat [\w-]+(\.[\w-]+)+/i.test(text))
        report(`${path}.properties.${name}.${field}`, 'must not name an address: keyUrl becomes a link');
}

/** A host that a connection chooses must be below a domain that the service owns, not below one where anybody has a name. */
function checkSuffixes({ api: { allowedHosts } }: AuthMethod, path: string, report: Report): void {
  for (const host of allowedHosts) {
    const fixed = /^(?:\*|.*\})\.([^{}]+?)(?::\d+)?$/.exec(host)?.[1];
    if (fixed !== undefined && getDomain(fixed) === null)
      report(`${path}.api.allowedHosts`, `must not let a connection choose any host below ${fixed}`);
  }
}

/** The scopes that the file writes; leaving them out is an oversight more often than a fact. */
function scopesIn(definition: ConnectorFile, index: number): readonly string[] | undefined {
  const method = definition.auth[index];
  return method && 'scopes' in method ? method.scopes : undefined;
}

/** A text belongs to a scope that is asked for; one for another is a slip of the pen. */
function checkScopeTexts(definition: ConnectorFile, report: Report): void {
  const asked = new Set(definition.auth.flatMap((_, index) => scopesIn(definition, index) ?? []));
  for (const scope of Object.keys(definition.scopeDescriptions ?? {}))
    if (!asked.has(scope)) report(`scopeDescriptions.${scope}`, 'is no scope that this connector asks for');
}

/** What `get_credential_metadata` shows as a sample must be accepted by `create_credential`. */
function checkSample(connector: Connector, auth: AuthMethod, path: string, report: Report): void {
  const { sampleInput } = credentialForm(connector, auth, {
    audience: 'program',
    userId: 'ann',
    actsForOthers: false,
    authConfigRequired: false,
    secretInput: 'any',
  });
  const { userId: _user, authenticationType: _type, redirectUri: _redirect, ...fields } = sampleInput;
  const { inputs, secretInputs, problems, missingSecrets } = readInputs(connector, auth, fields);
  for (const [field, problem] of Object.entries(problems)) report(`${path}.inputs`, `sample of ${field} ${problem}`);
  for (const field of missingSecrets) report(`${path}.inputs`, `sample of ${field} is missing`);
  checkFilled(connector, auth, { ...inputs, ...secretInputs }, path, report);
}

/** Every template of a way to connect can be filled with its sample: what can't be connected by its own sample can't be at all. */
function checkFilled(connector: Connector, auth: AuthMethod, values: Values, path: string, report: Report): void {
  const { baseUrl, allowedHosts, headers, verify } = auth.api;
  const own = auth.authenticationType === 'oauth2' ? [auth.authorizationEndpoint] : [];
  const endpoints = usesTokenEndpoint(auth) ? [...serverUrls(auth), ...own] : [];
  const given = fieldsOf(connector, auth);
  const check = (field: string, templates: readonly (string | null)[], fill: (template: string) => unknown) => {
    for (const template of templates) {
      // What a service says together with its token is not known before.
      if (template === null || !variablesIn(template).every((name) => given.has(name))) continue;
      try {
        fill(template);
      } catch (error) {
        report(`${path}.${field}`, `can’t be filled with the samples: ${(error as Error).message}`);
      }
    }
  };
  check('api.baseUrl', [baseUrl, verify?.baseUrl ?? null], (text) => fillUrl(text, values, allowedHosts));
  check('api.allowedHosts', allowedHosts, (text) => fillAllowed(text, values));
  check('api.headers', Object.values(headers), (text) => fillTemplate(text, values));
  check('api.verify.path', [verify?.path ?? null], (text) => fillEncoded(text, values));
  check('endpoints', endpoints, (text) => {
    const authority = urlParts(text)?.authority ?? '';
    return fillUrl(
      text,
      values,
      /^[^{}]+$/.test(authority) ? [authority] : wholeVariable(text) ? [text] : allowedHosts,
    );
  });
  check(
    'inject',
    auth.inject.flatMap((rule) => (rule.in === 'basic' ? [rule.username, rule.password] : [rule.value])),
    (text) => (text.includes('{') ? fillText(text, values) : text),
  );
}

/** Dotted paths of the texts that hold this one. */
function fieldsWith(value: unknown, text: string, path = ''): string[] {
  if (typeof value === 'string') return value.includes(text) ? [path] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    fieldsWith(inner, text, path === '' ? name : `${path}.${name}`),
  );
}

function sameText(text: string): (other: string) => boolean {
  return (other) => other.toLowerCase() === text.toLowerCase();
}
