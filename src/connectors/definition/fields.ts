/** The plain fields that a connector definition is made of, as zod schemas with the rule in each message. */
import * as z from 'zod';
import { headerName as headerNamePattern, token } from '../../header-names.ts';
import { isLoopback } from '../../hosts.ts';
import { isReserved } from '../inject.ts';
import { urlParts, variablesIn, wholeVariable } from '../template.ts';

/** A web page for people: http or https and nothing else, since pages link to it. */
export const pageUrl = z
  .string()
  .refine((text) => /^https?:$/.test(parsed(text)?.protocol ?? ''), { error: 'must be an http or https URL' });

/**
 * A page where a person makes or finds a key. It is fixed, since a page links to it: what somebody gave for a connection
 * must not decide where that link leads.
 */
export const keyPage = pageUrl.refine((text) => parsed(text)?.protocol === 'https:' && !/[{}]/.test(text), {
  error: 'must be an https URL without {variables}',
});

/**
 * A sentence that a page shows to a person as it stands. Letters and plain punctuation alone, so no markup, no line break
 * and nothing that turns or hides text, and no address: pages link to where a person has to go, and to nowhere else.
 */
export const plainSentence = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\p{L}[\p{L}\p{M}\p{N} .,:;()’'“”"–—…/_&+#?!%-]*$/u, {
    error: 'must be one line of letters, digits and plain punctuation, beginning with a letter',
  })
  .refine((text) => !/[\p{L}\p{N}]\.\p{L}|\d\.\d+\.\d|:\/\//u.test(text), {
    error: 'must not name an address; appUrl and docsUrl do that',
  });

/** A piece of text that is sent in a header: no control characters, so nobody can add a header of their own. */
export const headerValue = z
  .string()
  .min(1)
  .regex(/^[\x20-\x7e]*$/, { error: 'must be printable ASCII on one line' })
  .refine(balanced, { error: 'has a brace that is not part of a {variable}' });

/** A header name (RFC 9110 §5.6.2) that does not steer the connection or the message frame. */
export const headerName = z
  .string()
  .regex(headerNamePattern, { error: 'must be a header name' })
  .refine((name) => !isReserved(name), { error: 'must not be a header of the connection itself' });

/** A header name, or `{input}` for a header that the connection names. */
export const injectedName = z
  .string()
  .regex(new RegExp(`^(?:${token}|\\{[A-Za-z][A-Za-z0-9_]*\\})$`), { error: 'must be a header name or {input}' })
  .refine((name) => !isReserved(name), { error: 'must not be a header of the connection itself' });

/** A text that may hold {variables} and is encoded when it is sent. */
export const valueTemplate = z.string().refine(balanced, { error: 'has a brace that is not part of a {variable}' });

/** Parameters of a request, name → value. */
export const params = z.record(z.string().min(1), valueTemplate);

/** Dotted path into a JSON answer: `user.email`, `0.name`. */
export const answerPath = z
  .string()
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, { error: 'must be a dotted path such as user.email' });

/** Name of a field that a service sends and Keyward keeps, and so of a variable. */
export const keptName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, { error: 'must be letters, digits, _ and -, beginning with a letter' })
  .refine((name) => !notKept.has(name), { error: 'is a secret of the flow, which no template and no reader gets' });

/** Fields that would hand over the grant. A kept field may stand in a URL, and its owner reads it. */
const notKept: ReadonlySet<string> = new Set([
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'code',
  'state',
  'device_code',
]);

/**
 * An https URL with {variables}; http only to loopback. A variable at the very beginning (`{instance_url}/v1`) stands
 * for a whole origin, and `{+url}` alone for a whole URL that the connection names.
 */
export const urlTemplate = z.string().superRefine((template, context) => {
  const rule = wholeVariable(template) === null ? urlTemplateProblem(template) : null;
  if (rule) context.addIssue({ code: 'custom', message: rule });
});

/** An issuer identifier (RFC 8414 §2): https without query and fragment; http only to loopback. */
export const issuerUrl = z.string().refine(
  (text) => {
    if (wholeVariable(text) !== null) return true;
    const url = parsed(text);
    if (!url || url.search || url.hash || url.username || text.includes('{')) return false;
    return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
  },
  { error: 'must be an https URL without query and fragment (http is for loopback only)' },
);

/** A host as {@link urlTemplate} fills it: `api.example.com`, `{shop}.example.com`, `host:port`, `*.example.com`, or `{+url}`. */
export const hostTemplate = z.string().superRefine((host, context) => {
  const rule = wholeVariable(host) === null ? hostTemplateProblem(host) : null;
  if (rule) context.addIssue({ code: 'custom', message: rule });
});

function hostTemplateProblem(host: string): string | null {
  const noHost = 'must be a host, host:port or *.host';
  if (!/^(\*\.)?[a-z0-9{}._[\]:A-Z-]+$/.test(host)) return noHost;
  if (!balanced(host)) return 'has a brace that is not part of a {variable}';
  if (host.startsWith('*.') && !/^\*(\.[a-z0-9-]+){2,}$/.test(host))
    return 'a wildcard must stand before a domain of at least two labels';
  return parsed(`https://${blanked(host.replace('*.', ''))}/`)?.pathname === '/' ? null : noHost;
}

function urlTemplateProblem(template: string): string | null {
  if (!balanced(template)) return 'has a brace that is not part of a {variable}';
  const parts = urlParts(template);
  if (!parts) return 'must be an https URL without user, password and fragment';
  const url = parsed(blanked(parts.origin === null ? template : `https://${template}`));
  if (!url || url.username || url.password || url.hash) {
    return 'must be an https URL without user, password and fragment';
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) return 'must be https (http is for loopback only)';
  return null;
}

/** The template with each variable replaced by a letter, so that it can be parsed. */
function blanked(template: string): string {
  return template.replace(/\{[^{}]*\}/g, 'x');
}

function balanced(template: string): boolean {
  return !/[{}]/.test(variablesIn(template).reduce((text, name) => text.replaceAll(`{${name}}`, ''), template));
}

function parsed(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
