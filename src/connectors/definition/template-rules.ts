/** Every variable of a template must be known where the template is filled, and always have a value there. */

import { discoveredNames, isOAuth, usesTokenEndpoint } from '../auth-kinds.ts';
import type { AuthMethod, AwsSigV4Method, Inputs } from '../connector.ts';
import { variablesIn } from '../template.ts';
import type { Place, Report } from './definition-problem.ts';

type Names = ReadonlySet<string>;

/** Checks all templates of an authentication type, its `api` included. */
export function checkTemplates(place: Place, report: Report): void {
  const { auth, path } = place;
  const inputs = inputNames(place.connectorInputs, auth.inputs);
  const kept = usesTokenEndpoint(auth) ? auth.tokenResponse.keep : [];
  const callback = auth.authenticationType === 'oauth2' ? auth.callbackParams : [];
  const discovered = auth.authenticationType === 'oauth2' && auth.protectedResource !== null ? discoveredNames : [];
  const before = new Set([...inputs.plain, ...discovered]);
  const atToken = new Set([...before, ...callback]);
  const after = new Set([...atToken, ...kept]);

  const check = (field: string, template: string | null, known: Names) => {
    for (const name of template === null ? [] : variablesIn(template)) {
      if (known.has(name)) continue;
      if (inputs.secret.has(name))
        report(field, `must not hold the secret {${name}}; secrets go where inject puts them`);
      else if (inputs.optional.has(name)) report(field, `uses {${name}}, which must be required or have a default`);
      else report(field, `uses {${name}}, which is not known there${knownIn(known)}`);
    }
  };
  const checkAll = (field: string, templates: Readonly<Record<string, string>>, known: Names) => {
    for (const [name, template] of Object.entries(templates)) check(`${field}.${name}`, template, known);
  };

  check(place.apiPath('baseUrl'), auth.api.baseUrl, after);
  for (const [index, host] of auth.api.allowedHosts.entries())
    check(`${place.apiPath('allowedHosts')}.${index}`, host, after);
  const inCalls = isOAuth(auth) ? new Set([...after, 'clientId']) : after;
  checkAll(place.apiPath('headers'), auth.api.headers, inCalls);
  check(`${place.apiPath('verify')}.baseUrl`, auth.api.verify?.baseUrl ?? null, after);
  check(`${place.apiPath('verify')}.path`, auth.api.verify?.path ?? null, after);
  if (usesTokenEndpoint(auth)) {
    check(`${path}.issuer`, auth.issuer, before);
    if (auth.scopesInput !== null) check(`${path}.scopesInput`, `{${auth.scopesInput}}`, before);
    check(`${path}.tokenEndpoint`, auth.tokenEndpoint, atToken);
    checkAll(`${path}.tokenParams`, auth.tokenParams, atToken);
    checkAll(`${path}.tokenHeaders`, auth.tokenHeaders, before);
    check(`${path}.revocationEndpoint`, auth.revocationEndpoint, new Set([...after, 'clientId']));
  }
  if (auth.authenticationType === 'oauth2') {
    check(`${path}.protectedResource`, auth.protectedResource, inputs.plain);
    check(`${path}.authorizationEndpoint`, auth.authorizationEndpoint, before);
    check(`${path}.deviceAuthorizationEndpoint`, auth.deviceAuthorizationEndpoint, before);
    checkAll(`${path}.authorizationParams`, auth.authorizationParams, before);
    check(`${path}.refreshEndpoint`, auth.refreshEndpoint, after);
    checkAll(`${path}.refreshParams`, auth.refreshParams, after);
  }
  if (auth.authenticationType === 'aws_sigv4') checkSignature(auth, path, inputs, check, report);
  else checkInject(auth, path, inputs, inCalls, check, report);
}

/** What could have been meant. */
function knownIn(known: Names): string {
  return known.size === 0 ? '; nothing is' : `; known: ${Array.from(known, (name) => `{${name}}`).join(', ')}`;
}

/** The signer takes its inputs by name, so they have to be there; a secret that it does not know would go nowhere. */
function checkSignature(
  { inputs: { properties, required = [] }, signature }: AwsSigV4Method,
  path: string,
  inputs: ReturnType<typeof inputNames>,
  check: (field: string, template: string | null, known: Names) => void,
  report: Report,
): void {
  for (const [name, template] of Object.entries(signature)) check(`${path}.signature.${name}`, template, inputs.plain);
  const field = `${path}.inputs.properties`;
  for (const name of ['accessKeyId', 'secretAccessKey'] as const) {
    if (!Object.hasOwn(properties, name)) report(`${field}.${name}`, 'is missing: requests are signed with it');
    else if (!required.includes(name)) report(`${path}.inputs.required`, `must name ${name}`);
  }
  for (const name of ['secretAccessKey', 'sessionToken'] as const) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property && !property.writeOnly) report(`${field}.${name}.writeOnly`, 'is missing: it is a secret');
  }
  const signed = ['accessKeyId', 'secretAccessKey', 'sessionToken'];
  for (const [name, { writeOnly }] of Object.entries(properties)) {
    if (writeOnly && !signed.includes(name)) report(`${field}.${name}`, 'is a secret that no request is signed with');
  }
}

function checkInject(
  auth: AuthMethod,
  path: string,
  inputs: ReturnType<typeof inputNames>,
  after: Names,
  check: (field: string, template: string, known: Names) => void,
  report: Report,
): void {
  const secrets = usesTokenEndpoint(auth) ? new Set(['accessToken']) : inputs.secret;
  const known = new Set([...after, ...secrets]);
  const used = new Set<string>();
  for (const [index, rule] of auth.inject.entries()) {
    const templates =
      rule.in === 'basic'
        ? { username: rule.username, password: rule.password }
        : rule.in === 'path'
          ? { value: rule.value }
          : { name: rule.name, value: rule.value };
    for (const [name, template] of Object.entries(templates)) {
      check(`${path}.inject.${index}.${name}`, template, known);
      for (const variable of variablesIn(template)) used.add(variable);
    }
  }
  if (secrets.size === 0) report(`${path}.inputs`, 'has no secret: mark it writeOnly');
  for (const secret of secrets) {
    if (!used.has(secret)) report(`${path}.inject`, `never uses the secret {${secret}}`);
  }
}

/** Names of inputs by what a template may expect of them: `optional` ones may have no value. */
function inputNames(...levels: readonly Inputs[]) {
  const names = { plain: new Set<string>(), optional: new Set<string>(), secret: new Set<string>() };
  for (const { properties, required = [] } of levels) {
    for (const [name, property] of Object.entries(properties)) {
      const always = required.includes(name) || property.default !== undefined;
      const group = always ? (property.writeOnly ? names.secret : names.plain) : names.optional;
      group.add(name);
    }
  }
  return names;
}
