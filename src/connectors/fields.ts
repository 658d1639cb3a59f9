/** The plain fields that a connector definition is made of, as zod schemas with the rule in each message. */
import * as z from 'zod';
import { urlParts, variablesIn } from './template.ts';

/** A web page for people: http or https and nothing else, since pages link to it. */
export const pageUrl = z
  .string()
  .refine((text) => /^https?:$/.test(parsed(text)?.protocol ?? ''), { error: 'must be an http or https URL' });

/** A piece of text that is sent in a header: no control characters, so nobody can add a header of their own. */
export const headerValue = z
  .string()
  .min(1)
  .regex(/^[\x20-\x7e]*$/, { error: 'must be printable ASCII on one line' })
  .refine(balanced, { error: 'has a brace that is not part of a {variable}' });

/** A header name (RFC 9110 §5.6.2) that does not steer the connection or the message frame. */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'must be a header name' })
  .refine((name) => !framing.has(name.toLowerCase()), { error: 'must not be a header of the connection itself' });

const framing = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

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
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, { error: 'must be letters, digits, _ and -, beginning with a letter' });

/**
 * An https URL with {variables}; http only to loopback. A variable at the very beginning (`{instance_url}/v1`) stands
 * for a whole origin.
 */
export const urlTemplate = z.string().superRefine((template, context) => {
  const rule = urlTemplateProblem(template);
  if (rule) context.addIssue({ code: 'custom', message: rule });
});

/** An issuer identifier (RFC 8414 §2): https without query and fragment; http only to loopback. */
export const issuerUrl = z.string().refine(
  (text) => {
    const url = parsed(text);
    if (!url || url.search || url.hash || url.username || text.includes('{')) return false;
    return url.protocol === 'https:' || (url.protocol === 'http:' && loopbackHost(url.hostname));
  },
  { error: 'must be an https URL without query and fragment (http is for loopback only)' },
);

/** A host as {@link urlTemplate} fills it: `api.example.com`, `{shop}.example.com`, `host:port`, or `*.example.com`. */
export const hostTemplate = z
  .string()
  .regex(/^(\*\.)?[a-z0-9{}._[\]:A-Z-]+$/, { error: 'must be a host, host:port or *.host' })
  .refine(balanced, { error: 'has a brace that is not part of a {variable}' })
  .refine((host) => !host.startsWith('*.') || /^\*(\.[a-z0-9-]+){2,}$/.test(host), {
    error: 'a wildcard must stand before a domain of at least two labels',
  })
  .refine((host) => parsed(`https://${blanked(host.replace('*.', ''))}/`)?.pathname === '/', {
    error: 'must be a host, host:port or *.host',
  });

function urlTemplateProblem(template: string): string | null {
  if (!balanced(template)) return 'has a brace that is not part of a {variable}';
  const parts = urlParts(template);
  if (!parts) return 'must be an https URL without user, password and fragment';
  const url = parsed(blanked(parts.origin === null ? template : `https://${template}`));
  if (!url || url.username || url.password || url.hash) {
    return 'must be an https URL without user, password and fragment';
  }
  if (url.protocol === 'http:' && !loopbackHost(url.hostname)) return 'must be https (http is for loopback only)';
  return null;
}

/** Loopback by name or literal address (RFC 8252 §7.3). */
function loopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
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
