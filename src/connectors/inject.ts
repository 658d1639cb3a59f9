/** Putting a secret where a call needs it. */
import { KeywardError } from '../errors.ts';
import { headerName, isFraming } from '../header-names.ts';
import type { InjectRule } from './connector.ts';
import { fillTemplate, fillText, type Values } from './template.ts';

/** What a call carries besides its own headers and query. Header names are in lower case. */
export type Injection = {
  readonly headers: Record<string, string>;
  readonly query: [name: string, value: string][];
  /** Segments between the base URL and the path of the call, each after a slash; empty for none. */
  readonly path: string;
};

/**
 * Applies the rules with the credential's values: its inputs, or `accessToken` and the kept fields. `invalid_input`
 * when a value is missing or can't be sent.
 */
export function inject(rules: readonly InjectRule[], values: Values): Injection {
  const headers: Record<string, string> = {};
  const query: [string, string][] = [];
  let path = '';
  for (const rule of rules) {
    if (rule.in === 'query') query.push([fillText(rule.name, values), fillTemplate(rule.value, values)]);
    // RFC 9110 §5.5: white space around a value is none of it, such as that of a scheme which was left empty.
    else if (rule.in === 'header') headers[headerOf(rule.name, values)] = fillTemplate(rule.value, values).trim();
    else if (rule.in === 'path') path += `/${segment(fillText(rule.value, values))}`;
    else headers.authorization = basic(fillText(rule.username, values), fillText(rule.password, values));
  }
  return { headers, query, path };
}

/** True for headers that a definition, and a connection that names its own, leaves alone: a body is encoded by whoever sends it. */
export function isReserved(name: string): boolean {
  return isFraming(name) || name.toLowerCase() === 'content-encoding';
}

/** The header's name in lower case; one that the connection names itself must be a name that can be sent. */
function headerOf(template: string, values: Values): string {
  const name = fillText(template, values);
  if (headerName.test(name) && !isReserved(name)) return name.toLowerCase();
  throw new KeywardError('invalid_input', 'The name of the header for the secret can not be used.', {
    hint: 'Make the connection anew with the header that the service documents, such as x-api-key.',
  });
}

/** One segment of a path (RFC 3986 §3.3), whatever the secret holds. */
function segment(text: string): string {
  if (text !== '' && !/^\.{1,2}$/.test(text) && !/\p{Surrogate}/u.test(text))
    return encodeURIComponent(text).replace(/%(3A|40)/g, decodeURIComponent);
  throw new KeywardError('invalid_input', 'The secret can not be part of a URL.', {
    hint: 'Make the connection anew with the secret as the service shows it.',
  });
}

/** RFC 7617 §2. */
function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
