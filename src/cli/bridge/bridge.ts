/**
 * The bridge between a client on stdio and the MCP server of a connection. Every message goes on as it was written, all of
 * them side by side; what belongs to the way (sessions, streams, headers, refusals) stays here.
 */
import type { ServiceAnswer } from '../../broker/calls/call-service.ts';
import { hasCode, KeywardError, toPublic } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { endedEarly, follow } from './events.ts';
import { createExchange } from './exchange.ts';
import { sessionHeaders } from './headers.ts';
import { clientName, idText, type Message, ownVersion, readMessages, type Written } from './message.ts';
import { errorAnswer, failedAnswer, inWords, isForgotten, readRefusal, unreadable } from './refusals.ts';
import type { Remote } from './remote.ts';
import { keepSetting, noteAsked, renewed, type Session, sessionOf } from './session.ts';

/** Most requests of a client that may be under way. */
const maxUnderWay = 1_000;
/** How long the server may take to end the session, in milliseconds. */
const goodbyeMs = 2_000;
/** How long a stream may go on after its last answer, in milliseconds. */
const lingerMs = 5_000;
/** How long a message that has no answer may take, in milliseconds. */
const noticeMs = 30_000;

type BridgeParts = {
  readonly remote: Remote;
  /** Writes a line to the client; resolves when there is room for another. */
  readonly write: (text: string) => Promise<void>;
  /** Is told what the client calls itself. */
  readonly introduce: (name: unknown) => void;
  readonly log: Log;
};

type Bridge = {
  /** Takes a line of the client; null for one that is too long. */
  receive(line: string | null): void;
  /** Ends everything, and the session at the server. */
  close(): Promise<void>;
};

/** Requests of the client that wait for their answers. */
type Call = {
  readonly written: Written;
  readonly modern: boolean;
  readonly open: Map<string, Message>;
  readonly ended: AbortController;
};

export function createBridge({ remote, write, introduce, log }: BridgeParts): Bridge {
  const exchange = createExchange(remote);
  const underWay = new Map<string, Call>();
  const closing = new AbortController();
  let session: Session | null = null;
  let renewing: Promise<Session> | null = null;
  /** Settles when what the client said so far about its session has reached the server. */
  let handshake: Promise<unknown> = Promise.resolve();
  /** Notices keep their order. */
  let notices: Promise<unknown> = Promise.resolve();
  let begun = () => {};

  function receive(line: string | null): void {
    const written = line === null ? null : readOrNull(line);
    if (written === null) return void write(unreadable());
    const { messages } = written;
    for (const message of messages) introduceBy(message);
    const has = (method: string) => messages.some((message) => message.method === method);
    const before = handshake;
    if (has('initialize')) {
      handshake = new Promise<void>((resolve) => {
        begun = resolve;
        void begin(written).finally(resolve);
      });
    } else if (has('notifications/initialized')) {
      handshake = before.then(() => ready(written));
    } else if (has('notifications/cancelled')) {
      void before.then(() => cancel(written));
    } else if (messages.some(({ kind }) => kind === 'request')) {
      void deliver(written, messages.every((one) => ownVersion(one) !== null) ? Promise.resolve() : before);
    } else if (messages.some(({ kind }) => kind === 'response')) {
      void before.then(() => answerServer(written));
    } else {
      notices = Promise.all([notices, before]).then(() => notify(written));
    }
  }

  function introduceBy(message: Message): void {
    const name = clientName(message);
    if (name !== undefined) introduce(name);
  }

  /** The client's own beginning; what it had before is over. */
  async function begin(written: Written): Promise<void> {
    const old = session;
    session = null;
    if (old !== null) void end(old);
    await deliver(written, Promise.resolve());
  }

  async function ready(written: Written): Promise<void> {
    await notify(written);
    // The server may have forgotten it meanwhile: it is the next one then.
    const own = session;
    if (own === null) return;
    own.ready = written;
    void listen(own);
  }

  /** Sends requests, and sees to it that each has one answer, whatever happens. */
  async function deliver(written: Written, before: Promise<unknown>): Promise<void> {
    const requests = written.messages.filter(({ kind }) => kind === 'request');
    const open = new Map(requests.map((request) => [String(request.id), request]));
    const modern = requests.every((request) => ownVersion(request) !== null);
    const call: Call = { written, modern, open, ended: new AbortController() };
    const full = underWay.size >= maxUnderWay;
    if (!full) for (const id of open.keys()) underWay.set(id, call);
    try {
      if (full) throw tooMany();
      await before;
      await send(call);
      if (open.size > 0) throw endedEarly();
    } catch (error) {
      // A request that was cancelled has no answer.
      if (call.ended.signal.aborted) return;
      log.warn('mcp.request_failed', { code: toPublic(error).code });
      for (const request of open.values()) await write(failedAnswer(request, error));
    } finally {
      for (const id of requests.map((request) => String(request.id))) {
        if (underWay.get(id) === call) underWay.delete(id);
      }
    }
  }

  async function send(call: Call): Promise<void> {
    const { written, open, ended, modern } = call;
    const { signal } = ended;
    let own = modern ? null : session;
    let { answer, refusal } = await exchange.post(written, own, signal);
    if (refusal !== null && own?.id && isForgotten(refusal)) {
      own = await renew(own);
      ({ answer, refusal } = await exchange.post(written, own, signal));
    }
    if (refusal !== null) {
      if (refusal.error === null) throw inWords(refusal, answer.service);
      for (const id of open.keys()) await write(errorAnswer(id, refusal.error));
      return open.clear();
    }
    const take = (text: string) => fromServer(text, own, { call, answer });
    await exchange.read(written, own, answer, { take, wanted: () => open.size > 0, signal });
  }

  /** What the server says, wherever it says it. */
  async function fromServer(
    text: string,
    own: Session | null,
    asked: { readonly call: Call; readonly answer: ServiceAnswer } | null,
  ): Promise<void> {
    const written = readOrNull(text);
    if (written === null) return log.warn('mcp.no_message', { characters: text.length });
    for (const message of written.messages) {
      if (message.kind !== 'response') {
        if (own !== null) noteAsked(own, message);
        continue;
      }
      const call = asked?.call ?? underWay.get(String(message.id));
      const request = call?.open.get(String(message.id));
      if (call === undefined || request === undefined) return log.warn('mcp.answer_to_nothing');
      call.open.delete(String(message.id));
      // Servers end the stream of an answer (2025-11-25, Streamable HTTP); not all of them do.
      if (call.open.size === 0) setTimeout(() => call.ended.abort(), lingerMs).unref();
      if (message.result !== undefined) noteResult(request, message, call.written, asked?.answer);
    }
    await write(written.text);
  }

  function noteResult(request: Message, message: Message, written: Written, answer: ServiceAnswer | undefined): void {
    if (request.method === 'initialize' && answer !== undefined) {
      session = sessionOf(written, answer, message);
      begun();
    } else if (request.method === 'tools/list') exchange.learn(message.result);
    else if (session !== null) keepSetting(session, request, written);
  }

  /** What the client withdraws. In 2026-07-28 the end of the exchange says it, before that a message. */
  async function cancel(written: Written): Promise<void> {
    for (const { params } of written.messages) {
      const call = underWay.get(idText(params.requestId, written.text));
      if (call === undefined) continue;
      if (!call.modern) await notify(written);
      call.ended.abort();
    }
  }

  async function answerServer(written: Written): Promise<void> {
    const expected = written.messages.filter(({ id }) => session?.asked.delete(String(id)));
    // It answers a session that is over.
    if (expected.length === 0) return log.warn('mcp.answer_not_asked_for');
    await notify(written);
  }

  /** Sends what has no answer. */
  async function notify(written: Written): Promise<void> {
    const own = written.messages.some((message) => ownVersion(message) !== null) ? null : session;
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(noticeMs)]);
    try {
      let { answer, refusal } = await exchange.post(written, own, signal);
      if (refusal !== null && own?.id && isForgotten(refusal)) {
        ({ answer, refusal } = await exchange.post(written, await renew(own), signal));
      }
      if (refusal !== null) throw inWords(refusal, answer.service);
      await answer.discard();
    } catch (error) {
      log.warn('mcp.notification_failed', { code: toPublic(error).code });
    }
  }

  /** The server's own messages to the client, as long as the session lasts; some servers have none. */
  async function listen(own: Session): Promise<void> {
    const { signal } = own.ended;
    let opened = false;
    const reopen = async (lastId: string | null): Promise<ServiceAnswer | null> => {
      const { answer, refusal } = await exchange.listen(own, lastId, signal);
      if (refusal === null) {
        opened = true;
        return answer;
      }
      if (opened && own.id !== null && isForgotten(refusal)) await renew(own);
      const passes = [401, 403, 408, 429].includes(refusal.status) || refusal.status >= 500;
      if (passes) throw inWords(refusal, answer.service);
      return null;
    };
    const take = (text: string) => fromServer(text, own, null);
    const wanted = () => !signal.aborted;
    const passes = (error: unknown) => error instanceof KeywardError && !hasCode(error, 'not_found', 'forbidden');
    await follow(null, { take, wanted, reopen, passes, signal }).catch(() => {});
  }

  function renew(old: Session): Promise<Session> {
    if (session !== null && session !== old) return Promise.resolve(session);
    renewing ??= begunAgain(old).finally(() => {
      renewing = null;
    });
    return renewing;
  }

  async function begunAgain(old: Session): Promise<Session> {
    const signal = AbortSignal.any([old.ended.signal, AbortSignal.timeout(noticeMs)]);
    const next = await renewed(old, {
      ask: (written, own) => exchange.ask(written, own, signal),
      warn: (event) => log.warn(event),
    });
    // The client started anew meanwhile, or has gone.
    if (session !== old) throw endedEarly();
    session = next;
    old.ended.abort();
    log.info('mcp.session_renewed');
    for (const id of old.asked) await write(withdrawn(id));
    if (next.ready !== null) void listen(next);
    return next;
  }

  async function end(old: Session): Promise<void> {
    old.ended.abort();
    if (old.id === null) return;
    const headers = sessionHeaders(old);
    await remote({ method: 'DELETE', headers, timeoutMs: goodbyeMs })
      .then((answer) => readRefusal(answer))
      .catch(() => {});
  }

  async function close(): Promise<void> {
    closing.abort();
    for (const call of underWay.values()) call.ended.abort();
    const old = session;
    session = null;
    if (old !== null) await end(old);
  }

  return { receive, close };
}

function readOrNull(text: string): Written | null {
  try {
    return readMessages(text);
  } catch {
    return null;
  }
}

/** Takes back a request of the server, whose session is over. */
function withdrawn(id: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"The session ended."}}`;
}

function tooMany(): KeywardError {
  return new KeywardError('rate_limited', `${maxUnderWay} requests wait for the MCP server already.`, {
    hint: 'Wait until some of them are answered.',
  });
}
