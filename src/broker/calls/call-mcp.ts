/**
 * One request to an MCP server, whoever makes it: the messages that are sent are looked at, and those that come back. All
 * else passes as it is. What goes wrong with a request is answered in the server's place, so that a client shows it.
 */
import { KeywardError } from '../../errors.ts';
import { readBody } from '../../net/body.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { oneLine } from '../input/text.ts';
import { type Message, type Posted, readMessages } from '../mcp-servers/messages.ts';
import { checkNameHeaders } from '../mcp-servers/name-headers.ts';
import { errorAnswer, headerMismatch, refusedBody } from '../mcp-servers/refusal.ts';
import { observe, seenBy } from '../mcp-servers/seen.ts';
import { about, accessOf, isOwn, reaches, readerOf } from '../policy/access.ts';
import { auditedRefusal } from '../policy/policy.ts';
import { bodyThrough, eventsThrough, type Lens, looksLikeJson } from './mcp-answer.ts';
import { rulesFor } from './mcp-rules.ts';
import { again, troubleOf } from './mcp-trouble.ts';
import { readTarget } from './path.ts';
import type { ServiceAnswer, ServiceCall } from './service-call.ts';

/** Largest body of a POST, in bytes: as much as the SDKs' own servers take. */
const maxPosted = 4 * 1024 * 1024;
/** Longest account of a message in the audit log, in characters. */
const maxWords = 200;
/** How long a stream goes on without a look whether its caller may still use the connection. */
const lookEveryMs = 1_000;
const action = 'credential.call';

/** Sends the call, once the audit log has these lines of it; null for the usual one. */
type SendCall = (call: ServiceCall, lines: readonly string[] | null) => Promise<ServiceAnswer>;

/** Who calls which connection. */
type Caller = { readonly broker: Broker; readonly principal: Principal; readonly credential: Credential };

/**
 * Calls the MCP server of a connection.
 *
 * @throws KeywardError what `send` throws where no request waits for an answer, and `invalid_input` for what is no call of
 *   an MCP server
 */
export async function callMcp(caller: Caller, call: ServiceCall, send: SendCall): Promise<ServiceAnswer> {
  const method = call.method.toUpperCase();
  checkPlace(method, call.path);
  if (method === 'POST') return post(caller, call, send);
  return answered(caller, await send(withAccept(call), null), { ...lensFor(caller), answers: () => true }, null);
}

async function post(caller: Caller, call: ServiceCall, send: SendCall): Promise<ServiceAnswer> {
  const { broker, credential } = caller;
  const service = broker.catalogue.require(credential.connectorId).name;
  let text: string;
  let posted: Posted;
  try {
    text = await textOf(call);
    posted = readMessages(text);
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    return ownAnswer(service, 400, refusedBody(error));
  }
  try {
    checkNameHeaders(posted, new Map(Object.entries(call.headers).map(([name, value]) => [name.toLowerCase(), value])));
  } catch (error) {
    return ownAnswer(service, 400, refusedBody(error, headerMismatch));
  }
  const requests = posted.messages.filter(({ kind }) => kind === 'request');
  const refused = await refusals(caller, posted);
  const [first] = refused.values();
  if (first !== undefined) {
    if (requests.length === 0) return ownAnswer(service, 400, refusedBody(first));
    return ownAnswer(
      service,
      200,
      inShape(
        posted,
        requests.map((one) => errorAnswer(one, refused.get(one) ?? notSent())),
      ),
    );
  }
  const failed = (error: KeywardError, waiting = requests): string[] => waiting.map((one) => errorAnswer(one, error));
  const pending = new Map(requests.map((one) => [String(one.id), one]));
  const lens: Lens = {
    ...lensFor(caller),
    // A server that could not read a request does not know its id (JSON-RPC 2.0 §5).
    answers: ({ id = null, error }) => (id === null ? error !== undefined : pending.delete(String(id))),
  };
  try {
    const answer = await send(messageCall(call, text, posted), linesOf(posted));
    return await answered(
      caller,
      answer,
      lens,
      requests.length === 0 ? null : (error) => failed(error, [...pending.values()]),
    );
  } catch (error) {
    if (requests.length === 0 || !(error instanceof KeywardError) || error.code === 'cancelled') throw error;
    return ownAnswer(service, 200, inShape(posted, failed(forClient(caller, error))));
  }
}

/** The messages that may not be sent, each with the reason. Every refusal has its line in the audit log. */
async function refusals(caller: Caller, { messages }: Posted): Promise<Map<Message, KeywardError>> {
  const { broker, principal, credential } = caller;
  const reader = readerOf(broker, principal);
  const rules = rulesFor(credential, accessOf(reader, credential) === 'owner' ? 'owner' : 'use', reader);
  const standingOf = await seenBy(broker, credential);
  const refused = new Map<Message, KeywardError>();
  for (const message of messages) {
    const item = message.items.find((one) => rules.verdict(one, standingOf(one)) !== 'allow');
    const why = rules.methodRefusal(message) ?? (item && rules.refusal(item, standingOf(item)));
    if (!why) continue;
    const request = inWords(message.method, item?.name);
    refused.set(message, await auditedRefusal(broker, principal, action, { ...about(credential), request }, why));
  }
  return refused;
}

/** What of lists is shown: what this caller may use of them by the rules as they are now. */
function lensFor({ broker, principal, credential }: Caller): Omit<Lens, 'answers'> {
  return {
    async shows(listed, more) {
      const reader = readerOf(broker, principal);
      const now = await broker.vault.findVisible(reader, credential.id);
      const access = now && reaches(principal, reader, now) ? accessOf(reader, now) : null;
      if (now === undefined || access === null || access === 'view') return listed.map(() => false);
      const rules = rulesFor(now, access, reader);
      const standings = [
        ...(await observe(
          broker,
          now,
          listed.filter((one) => one !== null),
          more,
        )),
      ];
      return listed.map((one) => one !== null && rules.verdict(one.item, standings.shift() ?? 'new') !== 'refuse');
    },
  };
}

/** The server's answer through the lens. */
async function answered(
  caller: Caller,
  answer: ServiceAnswer,
  lens: Lens,
  failed: ((error: KeywardError) => readonly string[]) | null,
): Promise<ServiceAnswer> {
  const { broker, principal, credential } = caller;
  const trouble = await troubleOf(answer, credential, isOwn(broker, principal, credential));
  if (trouble !== null) throw trouble;
  const headers = new Map(answer.headers);
  for (const name of ['www-authenticate', 'location']) headers.delete(name);
  const clean = { ...answer, headers, redirect: null };
  if (/^\s*text\/event-stream\b/i.test(headers.get('content-type') ?? '')) {
    return { ...clean, body: eventsThrough(whileAllowed(caller, answer.body), lens, failed) };
  }
  const { bytes, passed, written } = await bodyThrough(answer.body, lens);
  // What is no JSON at all is what servers say besides, such as “Accepted”, or why they refuse a request.
  const aside = !looksLikeJson(written) && (failed === null || answer.status >= 400);
  if (passed || aside) return { ...clean, body: once(bytes) };
  throw new KeywardError('provider_garbled', `${answer.service} answered with something else than an answer to this.`, {
    hint: 'Check that the address of the connection is that of an MCP server.',
    details: { status: answer.status, ambiguous: true },
  });
}

/** Ends a stream when its caller may not use the connection any more. */
async function* whileAllowed(
  { broker, principal, credential }: Caller,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let looked = performance.now();
  for await (const piece of body) {
    if (performance.now() - looked > lookEveryMs) {
      looked = performance.now();
      const reader = readerOf(broker, principal);
      const now = await broker.vault.findVisible(reader, credential.id);
      const access = now && reaches(principal, reader, now) ? accessOf(reader, now) : null;
      if (access !== 'owner' && access !== 'use') {
        throw new KeywardError('forbidden', 'This connection is not shared any more.', { hint: 'Ask its owner.' });
      }
    }
    yield piece;
  }
}

/**
 * @throws KeywardError `invalid_input`
 */
function checkPlace(method: string, path: string): void {
  const target = readTarget(path);
  if (target.path !== '/' || target.query !== '') {
    throw new KeywardError('invalid_input', 'An MCP server has one address, that of the connection itself.', {
      hint: 'Use the path / without a query.',
      details: { fields: { path: 'must be /' } },
    });
  }
  if (['POST', 'GET', 'DELETE'].includes(method)) return;
  throw new KeywardError('invalid_input', `An MCP server is not called with ${method}.`, {
    hint: 'POST sends a message, GET opens a stream of events, DELETE ends a session.',
    details: { fields: { method: 'must be POST, GET or DELETE' } },
  });
}

/** The body as a text; one that is longer than allowed, or no UTF-8, is refused. */
async function textOf({ body = '' }: ServiceCall): Promise<string> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body instanceof Uint8Array ? body : await whole(body);
  if (bytes.length > maxPosted) throw tooLarge();
  try {
    return utf8.decode(bytes);
  } catch {
    throw new KeywardError('invalid_input', 'The body is not UTF-8.', { hint: 'Send JSON in UTF-8.' });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

async function whole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  try {
    return await readBody(body, maxPosted);
  } catch (error) {
    throw error instanceof KeywardError ? tooLarge() : error;
  }
}

function tooLarge(): KeywardError {
  return new KeywardError('invalid_input', `A message to an MCP server has at most ${maxPosted} bytes.`, {
    hint: 'Send less at a time.',
  });
}

/** The call as it goes out: what was read is what is sent, and a server must not read it in another way. */
function messageCall(call: ServiceCall, text: string, { messages }: Posted): ServiceCall {
  const { bodyLength: _, timeoutMs, silenceMs, ...rest } = withAccept(call);
  const headers = Object.entries(rest.headers).filter(([name]) => !/^content-(type|encoding|length)$/i.test(name));
  // It stays open as long as the client listens (MCP 2026-07-28).
  const listens = silenceMs !== undefined && messages.some(({ method }) => method === 'subscriptions/listen');
  return {
    ...rest,
    ...(listens
      ? { timeoutMs: Number.POSITIVE_INFINITY }
      : { ...(timeoutMs && { timeoutMs }), ...(silenceMs && { silenceMs }) }),
    headers: { ...Object.fromEntries(headers), 'content-type': 'application/json' },
    body: text,
  };
}

/** A server refuses who does not say that it takes both (MCP 2025-11-25, Streamable HTTP). */
function withAccept(call: ServiceCall): ServiceCall {
  if (Object.keys(call.headers).some((name) => name.toLowerCase() === 'accept')) return call;
  return { ...call, headers: { ...call.headers, accept: 'application/json, text/event-stream' } };
}

/** One line for each thing that is used, else one for the messages of the body. Arguments are in none. */
function linesOf({ messages }: Posted): string[] {
  const used = messages.flatMap(({ method, items }) => items.map(({ name }) => inWords(method, name)));
  if (used.length > 0) return used;
  const methods = new Set(messages.map(({ method }) => (method === '' ? 'response' : method)));
  return [inWords([...methods].join(', '))];
}

/** `tools/call create_issue` */
function inWords(method: string, name = ''): string {
  return oneLine(`${method} ${name}`, maxWords) ?? '';
}

function inShape({ batch }: Posted, answers: readonly string[]): string {
  return batch ? `[${answers.join(',')}]` : (answers[0] ?? '');
}

/** The way out for somebody whose program knows only the MCP server. */
function forClient({ broker, principal, credential }: Caller, error: KeywardError): KeywardError {
  if (error.code !== 'reconnect_required') return error;
  return new KeywardError(error.code, error.message, { hint: again(credential, isOwn(broker, principal, credential)) });
}

function notSent(): KeywardError {
  return new KeywardError('forbidden', 'This was not sent, because another message of its batch was refused.', {
    hint: 'Send it by itself.',
  });
}

/** An answer that Keyward gives itself. */
function ownAnswer(service: string, status: number, text: string): ServiceAnswer {
  return {
    status,
    headers: new Map([['content-type', 'application/json']]),
    body: once(Buffer.from(text)),
    discard: async () => {},
    scrub: async (one) => one,
    service,
    redirect: null,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
