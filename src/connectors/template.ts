/**
 * Filling {name} in URLs, headers and values. A value never decides more than its own place: it can't change the
 * host, add a path segment, a parameter or a header.
 */
import { KeywardError } from '../errors.ts';
import { hostMatches } from '../hosts.ts';
import type { Api } from './connector.ts';

export type Values = Readonly<Record<string, string>>;

const variable = /\{([A-Za-z][A-Za-z0-9_-]*)\}/g;

/** The name in `{+name}`, which stands for a whole URL that the connection itself names, or for its host; null for others. */
export function wholeVariable(template: string | null): string | null {
  return /^\{\+([A-Za-z][A-Za-z0-9_-]*)\}$/.exec(template ?? '')?.[1] ?? null;
}

/** Names of the variables in a template, in order, each once. */
export function variablesIn(template: string): readonly string[] {
  // Most headers are constant.
  if (!template.includes('{')) return [];
  const whole = wholeVariable(template);
  if (whole !== null) return [whole];
  return [...new Set(Array.from(template.matchAll(variable), (match) => match[1] ?? ''))];
}

/**
 * The parts of a URL template. `origin` is the name of the variable that stands for the whole origin, or null; then
 * `scheme` and `authority` are given. Null when the template has neither form or has a fragment.
 */
export function urlParts(template: string): {
  readonly origin: string | null;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
} | null {
  const match = /^(?:\{([A-Za-z][A-Za-z0-9_-]*)\}|(https?):\/\/([^/?#@\\\s]+))(\/[^?#\s\\]*)?(?:\?([^#\s\\]*))?$/.exec(
    template,
  );
  if (!match) return null;
  const [, origin = null, scheme = 'https', authority = '', path = '', query = ''] = match;
  return { origin, scheme, authority, path, query };
}

/** Fills a text that is encoded afterwards, so that any character may stand in it. `invalid_input` for a missing value. */
export function fillText(template: string, values: Values): string {
  return template.replace(variable, (_, name: string) => need(values, name));
}

/**
 * Fills a header or parameter value. `invalid_input` for a variable without a value, and for a result with control or
 * non-Latin-1 characters, which no header can carry (RFC 9110 §5.5).
 */
export function fillTemplate(template: string, values: Values): string {
  const text = fillText(template, values);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[^\x09\x20-\x7e\x80-\xff]/.test(text)) {
    throw refused(variablesIn(template), 'has a character that a header can not carry');
  }
  return text;
}

/**
 * Fills a URL template, which may be one `{+name}`. Values in the host must be one DNS label, or a whole host name where the variable is the
 * whole host; a variable at the beginning is an https origin; anything else is percent-encoded. The host that comes out
 * must be one of `allowedHosts`, filled with the same values: else `egress_refused`.
 */
export function fillUrl(template: string, values: Values, allowedHosts: readonly string[]): URL {
  const whole = wholeVariable(template);
  const url = whole === null ? urlFrom(template, values) : wholeUrl(values, whole);
  const hosts = allowedHosts.map((host) => fillAllowed(host, values));
  if (!hosts.some((host) => hostMatches(url, host))) {
    throw new KeywardError('egress_refused', `The host ${url.host} is not one that this connector may reach.`, {
      hint: `Allowed: ${hosts.join(', ')}.`,
    });
  }
  return url;
}

/**
 * The base URL that a definition fixes, whatever the connection. Null where variables have a part in it, or in the hosts
 * that it may reach. Throws as `fillUrl` does.
 */
export function fixedBaseUrl(api: Pick<Api, 'baseUrl' | 'allowedHosts'>): string | null {
  const known = fixedBaseUrls.get(api);
  if (known !== undefined) return known;
  const isFixed = [api.baseUrl, ...api.allowedHosts].every((template) => variablesIn(template).length === 0);
  const url = isFixed ? fillUrl(api.baseUrl, {}, api.allowedHosts).href : null;
  fixedBaseUrls.set(api, url);
  return url;
}

/** By a part of a definition, which never changes: every row of a list asks for its own. */
const fixedBaseUrls = new WeakMap<object, string | null>();

function urlFrom(template: string, values: Values): URL {
  const parts = urlParts(template);
  if (!parts) throw new KeywardError('connector_invalid', `“${template}” is not a URL template.`);
  const origin =
    parts.origin === null ? `${parts.scheme}://${fillHost(parts.authority, values)}` : originOf(values, parts.origin);
  const path = fillEncoded(parts.path, values);
  if (path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) {
    throw refused(variablesIn(parts.path), 'must not step out of its place in the path');
  }
  const query = parts.query === '' ? '' : `?${fillEncoded(parts.query, values)}`;
  return new URL(`${origin}${path}${query}`);
}

/**
 * The URL that a connection names: https, or http (which egress refuses unless the operator allows the host), without
 * user, password and fragment, and written as it is understood.
 */
export function wholeUrl(values: Values, name: string): URL {
  const value = need(values, name);
  const url = URL.canParse(value) ? new URL(value) : null;
  const plain = /^https?:\/\/[^\s\\#]+$/i.test(value) && url?.username === '' && url.password === '';
  if (url && plain) return url;
  throw refused([name], 'is not an https URL without user, password and fragment');
}

/** An entry of `allowedHosts` with its variables filled; `invalid_input` when a value is no host. */
export function fillAllowed(entry: string, values: Values): string {
  const whole = wholeVariable(entry);
  if (whole !== null) return wholeUrl(values, whole).host;
  return entry.includes('{') ? fillHost(entry, values) : entry;
}

const label = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

function fillHost(template: string, values: Values): string {
  return template.replace(variable, (whole, name: string) => {
    const value = need(values, name);
    const labels = whole === template.replace(/:\d+$/, '') ? value.split('.') : [value];
    if (!labels.every((part) => label.test(part))) throw refused([name], 'is not a host name');
    return value.toLowerCase();
  });
}

function originOf(values: Values, name: string): string {
  const value = need(values, name);
  const url = URL.canParse(value) ? new URL(value) : null;
  // The origin must be all there is, so that nothing of it can hide in a user name, a path or a query.
  if (url?.protocol !== 'https:' || value.replace(/\/$/, '').toLowerCase() !== url.origin) {
    throw refused([name], 'is not an https origin');
  }
  return url.origin;
}

/** Fills a path or query; values are percent-encoded, so that each stays in its place. `invalid_input` for a missing or empty one. */
export function fillEncoded(template: string, values: Values): string {
  return template.replace(variable, (_, name: string) => {
    const value = need(values, name);
    // A lone surrogate has no encoding; an empty value would join its neighbours.
    if (value === '' || /\p{Surrogate}/u.test(value)) throw refused([name], 'can not be part of a URL');
    return encodeURIComponent(value);
  });
}

function need(values: Values, name: string): string {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined) throw refused([name], 'is missing');
  return value;
}

/** Names the variable and never quotes the value: it may be a secret. */
function refused(names: readonly string[], rule: string): KeywardError {
  const fields = Object.fromEntries(names.map((name) => [name, rule]));
  return new KeywardError('invalid_input', `${names.join(', ') || 'A value'} ${rule}.`, {
    hint: 'Check what was given for this connection.',
    details: { fields },
  });
}

/**
 * The hosts a credential is made for: the allowed hosts, filled. A wildcard only limits what the base URL's host may
 * be, so it becomes that host.
 */
export function filledHosts(api: Pick<Api, 'baseUrl' | 'allowedHosts'>, values: Values): string[] {
  const base = fillUrl(api.baseUrl, values, api.allowedHosts);
  const hosts = api.allowedHosts.map((host) => (host.startsWith('*.') ? base.host : fillAllowed(host, values)));
  return [...new Set(hosts)];
}
