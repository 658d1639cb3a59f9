/** What the fields of a definition must have to do with each other: the rules that a schema can't say. */
import { accepts } from '../accepts.ts';
import { isOAuth, usesTokenEndpoint } from '../auth-kinds.ts';
import type { Connector, Inputs, JwtBearerMethod } from '../connector.ts';
import type { ConnectorFile } from './definition.ts';
import type { FieldProblem, Place, Report } from './definition-problem.ts';
import { checkHosts } from './host-rules.ts';
import { checkTemplates } from './template-rules.ts';

/** Every rule that the definition breaks. `connector` is the completed `file`. */
export function consistencyProblems(file: ConnectorFile, connector: Connector): FieldProblem[] {
  const problems = new Map<string, FieldProblem>();
  // Rules on `api` are checked for each authentication type; one message is enough.
  const report: Report = (field, rule) => problems.set(`${field} ${rule}`, { field, rule });

  checkInputs(connector.inputs, 'inputs', report);
  forbidSecrets(connector.inputs, 'inputs', report);
  connector.auth.forEach((auth, index) => {
    const path = `auth.${index}`;
    const own = file.auth[index]?.api ?? {};
    const place: Place = {
      auth,
      path,
      apiPath: (field) => (own[field] === undefined ? `api.${field}` : `${path}.api.${field}`),
      connectorInputs: connector.inputs,
    };
    const first = connector.auth.findIndex((other) => other.authenticationType === auth.authenticationType);
    if (first !== index) report(`${path}.authenticationType`, `is already defined by auth.${first}`);
    checkInputs(auth.inputs, `${path}.inputs`, report);
    checkNames(place, report);
    checkOAuth(place, report);
    checkTemplates(place, report);
    checkHosts(place, report);
    if (auth.api.verify?.body && auth.api.verify.method === 'GET') {
      report(`${place.apiPath('verify')}.body`, 'is sent with POST only');
    }
  });
  return [...problems.values()];
}

function checkInputs(inputs: Inputs, path: string, report: Report): void {
  inputs.required?.forEach((name, index) => {
    if (!Object.hasOwn(inputs.properties, name)) report(`${path}.required.${index}`, 'names no property');
  });
  for (const [name, property] of Object.entries(inputs.properties)) {
    const field = `${path}.properties.${name}`;
    const { enum: values, default: preset, pattern, examples = [], writeOnly } = property;
    if (writeOnly && preset !== undefined) report(`${field}.default`, 'is not for secrets');
    const kept = (value: string) => accepts(property, value);
    if (preset !== undefined && !kept(preset)) report(`${field}.default`, 'breaks its own enum or pattern');
    if (!examples.every(kept)) report(`${field}.examples`, 'breaks its own enum or pattern');
    // A sample input is made of these; an invented one would break the pattern.
    if (pattern !== undefined && !values && preset === undefined && examples.length === 0) {
      report(`${field}.examples`, 'is needed beside a pattern');
    }
  }
}

function forbidSecrets(inputs: Inputs, path: string, report: Report): void {
  for (const [name, property] of Object.entries(inputs.properties)) {
    if (property.writeOnly)
      report(`${path}.properties.${name}.writeOnly`, 'belongs to an authentication type without OAuth');
  }
}

/** One name, one meaning: inputs of both levels and kept fields are variables of the same templates. */
function checkNames({ auth, path, connectorInputs }: Place, report: Report): void {
  const names = new Set(Object.keys(connectorInputs.properties));
  for (const name of Object.keys(auth.inputs.properties)) {
    if (names.has(name)) report(`${path}.inputs.properties.${name}`, 'is an input of the connector already');
    names.add(name);
  }
  if (!usesTokenEndpoint(auth)) return;
  const kept = [
    ...auth.tokenResponse.keep.map((name, index) => [`tokenResponse.keep.${index}`, name] as const),
    ...(auth.authenticationType === 'oauth2' ? auth.callbackParams : []).map(
      (name, index) => [`callbackParams.${index}`, name] as const,
    ),
  ];
  for (const [field, name] of kept) {
    if (names.has(name)) report(`${path}.${field}`, 'is an input already');
  }
}

function checkOAuth({ auth, path }: Place, report: Report): void {
  if (!usesTokenEndpoint(auth)) return;
  if (isOAuth(auth)) forbidSecrets(auth.inputs, `${path}.inputs`, report);
  else checkAssertion(auth, path, report);
  const discovered = auth.issuer !== null;
  if (auth.tokenEndpoint === null && !discovered)
    report(`${path}.tokenEndpoint`, 'is needed, or an issuer to discover it from');
  if (auth.authenticationType === 'oauth2' && auth.authorizationEndpoint === null && !discovered) {
    report(`${path}.authorizationEndpoint`, 'is needed, or an issuer to discover it from');
  }
}

/** Every part of an assertion must be there when it is signed, and a key must be a secret. */
function checkAssertion({ assertion, inputs, tokenEndpoint }: JwtBearerMethod, path: string, report: Report): void {
  if (tokenEndpoint === null) report(`${path}.tokenEndpoint`, 'is missing');
  for (const part of ['issuer', 'subject', 'privateKey', 'keyId'] as const) {
    const [name = '', ...inside] = assertion[part]?.split('.') ?? [];
    const property = Object.hasOwn(inputs.properties, name) ? inputs.properties[name] : undefined;
    const field = `${path}.assertion.${part}`;
    if (assertion[part] === null) continue;
    if (!property) report(field, 'names no input of this authentication type');
    else if (inside.length > 0 && !property.contentMediaType) report(field, 'looks into an input that is no JSON');
    else if (part === 'privateKey' && !property.writeOnly)
      report(field, 'must be in a secret input: mark it writeOnly');
    else if (part !== 'subject' && !inputs.required?.includes(name))
      report(field, 'must be in an input that is required');
  }
}
