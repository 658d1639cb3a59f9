/** Requests to a service on behalf of a connection: base URL, headers, and the secret where the connector wants it. */
import type { AuthMethod } from '../../connectors/definition/definition.ts';
import { type Injection, inject } from '../../connectors/inject.ts';
import { fillTemplate, fillText, fillUrl, type Values, variablesIn, wholeVariable } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import { hostMatches } from '../../hosts.ts';
import type { EgressRequest } from '../../net/egress.ts';
import type { Connection } from './connection.ts';
import { type CallTarget, encodeQuery, parameterName, parametersOf } from './path.ts';
import { signatureParameters, signedHeaders } from './signing.ts';

/** What goes to the service besides what the connector adds. Header names are in lower case. */
type ApiCall = Pick<EgressRequest, 'bodyLength'> & {
  readonly method: string;
  /** Below the base URL. */
  readonly target: CallTarget;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: NonNullable<EgressRequest['body']> | undefined;
};

/**
 * The request for a path below the connection's base URL, with the secret in it. The host must be one that the connector
 * allows and one that the credential was made for: a definition that changed later can't send it elsewhere. Constant
 * headers of the connector give way to the caller's; what it fills in does not.
 *
 * @throws KeywardError `egress_refused` for another host, `invalid_input` for a path or parameter that can't be sent
 */
export function apiRequest(connection: Connection, call: ApiCall): EgressRequest {
  const { auth, credential, values } = connection;
  const { api, inject: rules } = auth;
  const injected = inject(rules, values);
  const base = baseUrl(connection, injected);
  const { path, query } = call.target;
  const url = new URL(base);
  // Where a connection names the whole address, “/” is that address itself, and an MCP server has no other.
  const itself = path === '/' && (api.protocol === 'mcp' || wholeVariable(api.baseUrl) !== null);
  url.pathname = itself ? base.pathname : `${prefixOf(base)}${path}`;
  // The address that somebody gave has its own query, which says which server, or what of it, is meant.
  const asked = itself && base.search !== '' ? [base.search.slice(1), query].filter(Boolean).join('&') : query;
  url.search = withInjected(asked, injected.query, auth.authenticationType === 'aws_sigv4' ? signatureParameters : []);
  if (url.origin !== base.origin || !(itself || url.pathname.startsWith(`${prefixOf(base)}/`))) {
    throw new KeywardError('egress_refused', 'The path leaves the base URL of this connection.');
  }
  const constant: [string, string][] = [];
  const filled: [string, string][] = [];
  for (const [name, value] of Object.entries(api.headers)) {
    const group = variablesIn(value).length === 0 ? constant : filled;
    group.push([name.toLowerCase(), fillTemplate(value, values)]);
  }
  return {
    url,
    method: call.method,
    headers: {
      accept: 'application/json',
      ...Object.fromEntries(constant),
      ...call.headers,
      ...Object.fromEntries(filled),
      ...injected.headers,
    },
    hosts: credential.hosts,
    ...(call.body === undefined ? {} : { body: call.body }),
    ...(call.bodyLength === undefined ? {} : { bodyLength: call.bodyLength }),
  };
}

/** The origin and path that every call of this connection is below, with a secret that goes into the path. */
function baseUrl({ auth: { api }, credential, values }: Connection, { path }: Injection): URL {
  const url = fillUrl(api.baseUrl, values, api.allowedHosts);
  if (path !== '') url.pathname = `${prefixOf(url)}${path}`;
  if (credential.hosts.some((host) => hostMatches(url, host))) return url;
  throw new KeywardError('egress_refused', `This credential was not made for ${url.host}.`, {
    hint: 'Make a new credential for that address.',
  });
}

/** The address that a connection names, without what is injected into it: two connections with the same one use one server. */
export function serverOf({ auth: { api }, values }: Connection): URL {
  return fillUrl(api.baseUrl, values, api.allowedHosts);
}

function prefixOf(base: URL): string {
  return base.pathname.replace(/\/$/, '');
}

function withInjected(query: string, injected: [name: string, value: string][], own: readonly string[]): string {
  const given = new Set(parametersOf(query).map((parameter) => parameter.name));
  for (const name of [...injected.map(([parameter]) => parameter), ...own]) {
    if (!given.has(parameterName(name))) continue;
    throw new KeywardError('invalid_input', `The parameter ${name} is set by Keyward.`, {
      hint: 'Leave it out.',
      details: { fields: { query: `must not hold ${name}` } },
    });
  }
  const added = encodeQuery(injected);
  return [query, added].filter((part) => part !== '').join('&');
}

/** Where a redirect leads, as a path of a call, or null when it leaves the base URL of the connection. */
export function pathBelow(connection: Connection, from: URL, location: string): CallTarget | null {
  if (!URL.canParse(location, from.href)) return null;
  const url = new URL(location, from);
  const base = baseUrl(connection, inject(connection.auth.inject, connection.values));
  const prefix = prefixOf(base);
  if (url.origin !== base.origin || !url.pathname.startsWith(`${prefix}/`)) return null;
  return { path: url.pathname.slice(prefix.length), query: url.search.slice(1) };
}

/**
 * The path of a whole URL, as it is written: below the base URL of the connection, on the same host.
 *
 * @throws KeywardError `invalid_input` that names the base URL
 */
export function pathOfUrl(connection: Connection, text: string): string {
  const base = baseUrl(connection, inject(connection.auth.inject, connection.values));
  const prefix = prefixOf(base);
  const [, origin = '', rest = ''] = /^(https?:\/\/[^/?#@]+)(.*)$/is.exec(text) ?? [];
  const below = rest.startsWith(prefix) && /^($|[/?])/.test(rest.slice(prefix.length));
  if (below && URL.canParse(origin) && new URL(origin).origin === base.origin) {
    const path = rest.slice(prefix.length);
    return path.startsWith('/') ? path : `/${path}`;
  }
  // A secret may be part of the path, so the path of the base is not told.
  throw new KeywardError('invalid_input', `This URL is not one of the connection, which calls ${base.host}.`, {
    hint: 'Give the path below the base URL of the connection, such as /users/me.',
    details: { fields: { path: 'must be a path, or a URL of the same host' } },
  });
}

/** Names of the headers that this connector fills in, in lower case: with the secret, with what the owner gave, or by signing. */
export function ownHeaders(auth: AuthMethod, inputs: Values): Set<string> {
  const { api, inject: rules } = auth;
  const filled = Object.entries(api.headers).flatMap(([name, value]) => (variablesIn(value).length > 0 ? [name] : []));
  const injected = rules.flatMap((rule) =>
    rule.in === 'header' ? [fillText(rule.name, inputs)] : rule.in === 'basic' ? ['authorization'] : [],
  );
  const signer = auth.authenticationType === 'aws_sigv4' ? signedHeaders : [];
  return new Set([...filled, ...injected, ...signer].map((name) => name.toLowerCase()));
}

/** Names of the headers to which this connector gives a constant value, in lower case: a caller may give another one. */
export function constantHeaders({ api }: AuthMethod): Set<string> {
  const constant = Object.entries(api.headers).filter(([, value]) => variablesIn(value).length === 0);
  return new Set(constant.map(([name]) => name.toLowerCase()));
}

/**
 * All that must not come back: the secret as it is kept and as a request carries it, the refresh token, the pairs of Basic
 * before they are encoded, and what makes a token one, its signature. White space around a value is not sent in a header.
 */
export function secretsOf({ auth: { inject: rules }, credential, secret, values }: Connection): string[] {
  const templates = rules.map((rule) => (rule.in === 'basic' ? `${rule.username}:${rule.password}` : rule.value));
  const ofSecret = (name: string) => !Object.hasOwn(credential.inputs, name);
  const carried = templates.filter((one) => variablesIn(one).some(ofSecret));
  const sent = carried.flatMap((one) => [
    fillText(filledPart(one), values),
    ...variablesIn(one)
      .filter(ofSecret)
      .flatMap((name) => values[name] ?? []),
  ]);
  const kept =
    secret.kind === 'inputs' ? Object.values(secret.inputs) : [secret.accessToken, secret.refreshToken ?? ''];
  return spellingsOf([...sent, ...kept]);
}

/** These secrets, without white space around them too, and the part of a JWT that makes it one. */
export function spellingsOf(secrets: readonly string[]): string[] {
  const whole = secrets.flatMap((one) => [one, one.trim()]);
  return [...new Set([...whole, ...whole.flatMap(signatureOf)])];
}

/** `Bearer {token}` → `{token}`: what stands around it is no secret. */
function filledPart(template: string): string {
  return template.slice(template.indexOf('{'), template.lastIndexOf('}') + 1);
}

/** The last part of a JWT (RFC 7519 §3), without which the others are good for nothing. */
function signatureOf(token: string): string[] {
  return /^eyJ[\w-]*(?:\.[\w-]*)+\.([\w-]{16,})$/.exec(token)?.slice(1) ?? [];
}
