/** One call of a service for a model: what it sends is checked, what comes back is short enough to read. */
import { waitOf } from '../../net/retry-after.ts';
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { inputError } from '../input/input-error.ts';
import { readText } from './answer-text.ts';
import { callService, type ServiceAnswer } from './call-service.ts';
import { readJson } from './json-text.ts';
import { encodeQuery, withSlash } from './path.ts';

/** Most of a body that is answered at once, in characters: some ten thousand tokens. */
export const maxCharacters = 40_000;
/** Largest answer that is read, decoded, in bytes; reading on asks for all of it again. */
const maxBytes = 10 * 1024 * 1024;
const maxRedirects = 5;
const callHint = 'call_api takes connectionId, method and path; query, headers, body and offset where they fit.';

export type ApiInput = {
  connectionId: string;
  method: string;
  path: string;
  /** Texts, numbers and booleans, or lists of them. */
  query?: Readonly<Record<string, unknown>> | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  /** A text is sent as it is, anything else as JSON. */
  body?: unknown;
  /** Characters of the body to leave out, as an earlier answer said in `nextOffset`. */
  offset?: number | undefined;
};

type ApiAnswer = {
  status: number;
  /** As the service wrote them: a header that was cut short would be another address or another cursor. */
  headers: Record<string, string>;
  /** JSON as its value, or as its text where JavaScript would round a number; text as a text; of binary content a description. */
  body: unknown;
  truncated: boolean;
  nextOffset?: number;
  /** The next step, where the service wants fewer calls. */
  hint?: string;
  /** A whole body of JSON, as the service wrote it. */
  written?: string;
};

/**
 * Calls a service and answers what a model can read. Redirects of reading calls are followed below the base URL, each as
 * a call of its own.
 *
 * @throws KeywardError what `callService` throws
 */
export async function callApi(
  broker: Broker,
  principal: Principal,
  input: ApiInput,
  options: { signal?: AbortSignal } = {},
): Promise<ApiAnswer> {
  const { connectionId, method, offset = 0 } = input;
  const reads = method === 'GET' || method === 'HEAD';
  if (offset > 0 && !reads)
    throw inputError({ offset: 'can only be used with GET: any other call would act again' }, callHint);
  if (reads && input.body !== undefined) throw inputError({ body: `is not sent with ${method}` }, callHint);
  for (const name of Object.keys(input.headers ?? {})) {
    // A part of an answer may hold a part of a secret, which nobody would recognise.
    if (/^(if-)?range$/i.test(name))
      throw inputError({ headers: 'must not ask for a range of bytes: use offset' }, callHint);
  }
  const { headers, body } = bodyOf(input);
  let path = withQuery(input);
  const follow = async (): Promise<ApiAnswer> => {
    for (let redirects = 0; ; redirects += 1) {
      const call = { connectionId, method, path, headers, reserved: 'refuse' as const, body, ...options };
      const answer = await callService(broker, principal, call);
      const last = answer.redirect === null || !reads || redirects === maxRedirects;
      if (last) return answerOf(answer, offset, reads);
      await answer.discard();
      path = answer.redirect ?? path;
    }
  };
  return broker.underWay.calls.run(principal, follow, options.signal);
}

function withQuery({ path: given, query = {} }: ApiInput): string {
  const path = withSlash(given);
  const parameters: [name: string, value: string][] = [];
  for (const [name, values] of Object.entries(query)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      if (!['string', 'number', 'boolean'].includes(typeof value)) {
        throw inputError({ query: 'may hold texts, numbers, booleans and lists of them' }, callHint);
      }
      parameters.push([name, String(value)]);
    }
  }
  if (parameters.length === 0) return path;
  return `${path}${path.includes('?') ? '&' : '?'}${encodeQuery(parameters)}`;
}

function bodyOf({ headers = {}, body }: ApiInput): { headers: Readonly<Record<string, string>>; body?: string } {
  if (body === undefined) return { headers };
  const text = typeof body === 'string' ? body : jsonOf(body);
  if (Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')) return { headers, body: text };
  // Models like to send JSON as a text.
  const json = typeof body !== 'string' || (/^\s*[[{]/.test(text) && readJson(text) !== undefined);
  return {
    headers: { ...headers, 'content-type': json ? 'application/json' : 'text/plain; charset=utf-8' },
    body: text,
  };
}

function jsonOf(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch {
    throw inputError({ body: 'is nested too deeply' }, callHint);
  }
}

/** What to do when the service wants fewer calls (RFC 6585 §4). A quota may be used up for good: its own words say which. */
function hintOf({ status, headers, service }: ServiceAnswer): Pick<ApiAnswer, 'hint'> {
  if (status !== 429) return {};
  const seconds = waitOf(headers);
  const next =
    seconds === null ? 'It did not say how long to wait: read its answer.' : `Wait ${seconds} s before the next call.`;
  return { hint: `${service} wants fewer calls. ${next}` };
}

async function answerOf(answer: ServiceAnswer, offset: number, reads: boolean): Promise<ApiAnswer> {
  const type = answer.headers.get('content-type') ?? '';
  const window = { offset, length: maxCharacters };
  const { bytes, text: content, whole, more: goesOn } = await readText(answer.body, type, window, maxBytes);
  const known = { status: answer.status, headers: shownHeaders(answer.headers) };
  if (content === null) {
    const body = `[${bytes} bytes of ${type || 'binary content'}, not shown]`;
    return { ...known, body, truncated: false, ...hintOf(answer) };
  }
  if (!whole) {
    const more = goesOn && reads ? { nextOffset: offset + maxCharacters } : {};
    return { ...known, body: await answer.scrub(content), truncated: goesOn, ...more, ...hintOf(answer) };
  }
  const json = /^[^;]*[/+]json\b/i.test(type) ? readJson(await scrubJson(answer, content)) : undefined;
  const text = json?.text ?? (await answer.scrub(content));
  if (offset === 0 && text.length <= maxCharacters) {
    const body = json === undefined ? { body: text } : { body: json.value, written: text };
    return { ...known, ...body, truncated: false, ...hintOf(answer) };
  }
  const end = offset + maxCharacters;
  const truncated = text.length > end;
  const more = truncated && reads ? { nextOffset: end } : {};
  return { ...known, body: text.slice(offset, end), truncated, ...more, ...hintOf(answer) };
}

/** JSON without the secret: as it was written, and as a program reads it, since undoing its escapes may bring a secret to light. */
async function scrubJson({ scrub }: ServiceAnswer, content: string): Promise<string> {
  const written = await scrub(content);
  const read = readJson(written);
  if (read === undefined) return written;
  const plain = JSON.stringify(read.value);
  const clean = await scrub(plain);
  return clean === plain ? read.text : clean;
}

/** Headers that say something about a connection between a browser and a site; a model has no use for them. */
const forBrowsers =
  /^(access-control-|cross-origin-|content-security-policy|permissions-policy|feature-policy|referrer-policy|x-frame-options|x-content-type-options|x-xss-protection|x-permitted|x-download|report-to|reporting-endpoints|nel$|server|via$|vary$|date$|age$|cf-|x-cache|x-served-by|x-timer|x-amz-cf|x-powered-by|expect-ct|timing-allow|accept-ranges|origin-agent|p3p$|priority$)/;

function shownHeaders(headers: ServiceAnswer['headers']): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !forBrowsers.test(name)));
}
