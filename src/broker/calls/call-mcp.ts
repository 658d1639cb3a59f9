/**
 * One request to an MCP server, whoever makes it: the messages that are sent are looked at, and those that come back. All
 * else passes as it is. What goes wrong with a request is answered in the server's place, so that a client shows it.
 */
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type Message, type Posted, readMessages } from '../mcp-servers/messages.ts';
import { checkNameHeaders } from '../mcp-servers/name-headers.ts';
import { errorAnswer, headerMismatch, refusedBody } from '../mcp-servers/refusal.ts';
import type { Item } from '../mcp-servers/rules.ts';
import { observe, seenBy } from '../mcp-servers/seen.ts';
import { about, accessOf, isOwn, reaches, readerOf } from '../policy/access.ts';
import { auditedRefusal } from '../policy/policy.ts';
import { askedHeaders, askedText, requireYes } from './ask-first.ts';
import { bodyThrough, eventsThrough, type Lens, looksLikeJson, noAnswer } from './mcp-answer.ts';
import { checkPlace, inWords, linesOf, messageCall, textOf, withAccept } from './mcp-request.ts';
import { rulesFor } from './mcp-rules.ts';
import { again, troubleOf } from './mcp-trouble.ts';
import type { ServiceAnswer, ServiceCall } from './service-call.ts';

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
  const answer = await answered(
    caller,
    await send(withAccept(call), null),
    { ...lensFor(caller), answers: () => true },
    null,
  );
  return method === 'GET' ? eventsOnly(answer) : answer;
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
  const { refused, asked } = await refusals(caller, call, posted);
  const [first] = refused.values();
  if (first !== undefined) {
    if (first.code === 'approval_required' && call.unattended !== true) throw first;
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
  const pending = new Set(requests);
  const lens: Lens = {
    ...lensFor(caller),
    // A server that could not read a request does not know its id (JSON-RPC 2.0 §5).
    answers({ id = null, error }) {
      if (id === null) return error !== undefined;
      const one = [...pending].find((request) => request.id === id);
      return one !== undefined && pending.delete(one);
    },
    isAskedAnew: requests.some(({ method }) => method === 'subscriptions/listen'),
  };
  try {
    // What the owner saw is what is sent, also where a name stands in the arguments twice.
    const [sent, headers] = asked ? [askedText(asked), askedHeaders(call.headers)] : [text, call.headers];
    const answer = await send(messageCall({ ...call, headers }, sent, posted), linesOf(posted));
    return await answered(caller, answer, lens, requests.length === 0 ? null : (error) => failed(error, [...pending]));
  } catch (error) {
    if (requests.length === 0 || !(error instanceof KeywardError) || error.code === 'cancelled') throw error;
    return ownAnswer(service, 200, inShape(posted, failed(forClient(caller, error))));
  }
}

/**
 * The messages that may not be sent, each with the reason, and the one that the owner said yes to. Every refusal has its
 * line in the audit log.
 */
async function refusals(
  caller: Caller,
  { headers }: ServiceCall,
  { messages }: Posted,
): Promise<{ readonly refused: Map<Message, KeywardError>; readonly asked: Message | null }> {
  const { broker, principal, credential } = caller;
  const reader = readerOf(broker, principal);
  const rules = rulesFor(
    credential,
    accessOf(reader, credential) === 'owner' ? 'owner' : 'use',
    reader,
    principal.limits,
  );
  const standingOf = await seenBy(broker, credential);
  const refused = new Map<Message, KeywardError>();
  const toAsk: { readonly message: Message; readonly item: Item }[] = [];
  for (const message of messages) {
    const verdicts = message.items.map((item) => ({ item, verdict: rules.verdict(item, standingOf(item)) }));
    toAsk.push(...verdicts.flatMap(({ item, verdict }) => (verdict === 'ask' ? [{ message, item }] : [])));
    const item = verdicts.find(({ verdict }) => verdict === 'refuse')?.item;
    const why = rules.messageRefusal(message) ?? (item && rules.refusal(item, standingOf(item)));
    if (!why) continue;
    const request = inWords(message.method, item?.name);
    refused.set(message, await auditedRefusal(broker, principal, action, { ...about(credential), request }, why));
  }
  // Nobody is asked for what is not sent anyway, and one page shows one message.
  if (refused.size > 0) return { refused, asked: null };
  for (const { message, item } of toAsk) {
    const { method, params } = message;
    const ask =
      messages.length > 1
        ? Promise.reject(alone())
        : requireYes(broker, principal, credential, { item, message: { method, params }, headers });
    await ask.catch((error: unknown) => {
      if (!(error instanceof KeywardError)) throw error;
      refused.set(message, error);
    });
  }
  return { refused, asked: toAsk[0]?.message ?? null };
}

/** What of lists is shown: what this caller may use of them by the rules as they are now. */
function lensFor({ broker, principal, credential }: Caller): Omit<Lens, 'answers'> {
  return {
    async shows(listed, more) {
      const reader = readerOf(broker, principal);
      const now = await broker.vault.findVisible(reader, credential.id);
      const access = now && reaches(principal, reader, now) ? accessOf(reader, now) : null;
      if (now === undefined || access === null || access === 'view') return listed.map(() => false);
      const rules = rulesFor(now, access, reader, principal.limits);
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
  const trouble = await troubleOf(broker, answer, credential, isOwn(broker, principal, credential));
  if (trouble !== null) throw trouble;
  const headers = new Map(answer.headers);
  for (const name of ['www-authenticate', 'location']) headers.delete(name);
  const clean = { ...answer, headers, redirect: null };
  if (isEvents(clean)) {
    return { ...clean, body: eventsThrough(whileAllowed(caller, answer.body), lens, answer.service, failed) };
  }
  const { bytes, passed, written } = await bodyThrough(answer.body, lens);
  // What is no JSON at all is what servers say besides, such as “Accepted”, or why they refuse a request.
  const refused = answer.status >= 400;
  const aside = !passed && !looksLikeJson(written) && (failed === null || refused);
  if (aside) headers.set('content-type', 'text/plain');
  // With 202 a server answers elsewhere. All else that leaves a request without an answer would let its client wait.
  const waiting = failed === null || refused || answer.status === 202 ? [] : failed(noAnswer(answer.service));
  if (aside || (passed && waiting.length === 0)) return { ...clean, body: once(bytes) };
  throw noAnswer(answer.service);
}

/** Clients read whatever a GET is answered with as events: what is none has no body for them. */
async function eventsOnly(answer: ServiceAnswer): Promise<ServiceAnswer> {
  if (answer.status >= 400 || isEvents(answer)) return answer;
  const headers = new Map(answer.headers);
  headers.delete('content-type');
  return { ...answer, headers, body: once(Buffer.alloc(0)) };
}

function isEvents({ headers }: ServiceAnswer): boolean {
  return /^\s*text\/event-stream\s*(;|$)/i.test(headers.get('content-type') ?? '');
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

function inShape({ batch }: Posted, answers: readonly string[]): string {
  return batch ? `[${answers.join(',')}]` : (answers[0] ?? '');
}

/** The way out for somebody whose program knows only the MCP server. */
function forClient({ broker, principal, credential }: Caller, error: KeywardError): KeywardError {
  if (error.code !== 'reconnect_required') return error;
  return new KeywardError(error.code, error.message, { hint: again(credential, isOwn(broker, principal, credential)) });
}

function alone(): KeywardError {
  return new KeywardError('forbidden', 'The owner wants to be asked before this, and is not asked for a batch.', {
    hint: 'Send it by itself.',
  });
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
