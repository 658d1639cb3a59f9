/** One message to the server, and what the server answers to it: at once, or as a stream that may be interrupted. */
import type { ServiceAnswer } from '../../broker/calls/call-service.ts';
import { KeywardError } from '../../errors.ts';
import { readBody } from '../../net/body.ts';
import { endedEarly, follow, isEvents, maxMessage } from './events.ts';
import { createMarks, postHeaders, sessionHeaders } from './headers.ts';
import { isRecord, type Message, ownVersion, readMessages, type Written } from './message.ts';
import { inWords, isForgotten, readRefusal } from './refusals.ts';
import type { Remote } from './remote.ts';
import type { Session } from './session.ts';

/** How often an interrupted answer is looked for: for about a minute. */
const maxFailures = 6;
/** JSON-RPC's code for headers that do not say what stands in the message (2026-07-28). */
const headerMismatch = -32_020;
/** Most pages of a list of tools that are read for their marks. */
const maxPages = 20;

/** What is done with each text of the server, and which answers are still awaited. */
type Receiver = {
  readonly take: (text: string, answer: ServiceAnswer) => Promise<void>;
  readonly wanted: () => boolean;
  readonly signal: AbortSignal;
};

export function createExchange(remote: Remote) {
  const marks = createMarks();

  async function post(written: Written, session: Session | null, signal: AbortSignal) {
    const headers = postHeaders(written, session, marks);
    const answer = await remote({ method: 'POST', headers, body: written.text, signal });
    return { answer, refusal: await readRefusal(answer) };
  }

  /** As `post`; where a tool has arguments in headers that nobody told yet, it is looked up, and called again. */
  async function postMarked(written: Written, session: Session | null, signal: AbortSignal) {
    const posted = await post(written, session, signal);
    const [only] = written.messages;
    if (only?.method !== 'tools/call' || posted.refusal?.error?.code !== headerMismatch) return posted;
    await learnTools(only, signal).catch(() => {});
    return post(written, session, signal);
  }

  async function learnTools({ params }: Message, signal: AbortSignal): Promise<void> {
    let cursor: unknown;
    for (let page = 0; page < maxPages; page += 1) {
      const request = {
        jsonrpc: '2.0',
        id: `keyward-tools-${page}`,
        method: 'tools/list',
        params: { _meta: params._meta, ...(cursor !== undefined && { cursor }) },
      };
      const result = (await ask(readMessages(JSON.stringify(request)), null, signal))?.reply.result;
      marks.learn(result);
      cursor = isRecord(result) ? result.nextCursor : undefined;
      if (cursor === undefined) return;
    }
  }

  /** Opens the stream of a session behind the event of that id; from now on without one. */
  async function listen(session: Session, lastId: string | null, signal: AbortSignal) {
    const headers = {
      accept: 'text/event-stream',
      ...sessionHeaders(session),
      ...(lastId !== null && { 'last-event-id': lastId }),
    };
    const answer = await remote({ method: 'GET', headers, signal });
    return { answer, refusal: await readRefusal(answer) };
  }

  /** Takes all that comes of an answer, until nothing more of it is wanted. */
  async function read(written: Written, session: Session | null, answer: ServiceAnswer, receiver: Receiver) {
    const { take, wanted, signal } = receiver;
    const kind = (answer.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase();
    if (isEvents(answer)) {
      const reopen = reopener(written, session, signal);
      return follow(answer, { take: (text) => take(text, answer), wanted, reopen, maxFailures, signal });
    }
    if (!wanted()) return answer.discard();
    if (kind !== 'application/json') {
      await answer.discard();
      throw new KeywardError('provider_garbled', `${answer.service} answered with no message of MCP.`, {
        hint: 'Is its address that of an MCP server? keyward show has it.',
        details: { status: answer.status },
      });
    }
    await take(Buffer.from(await readBody(answer.body, maxMessage)).toString(), answer);
  }

  function reopener(written: Written, session: Session | null, signal: AbortSignal) {
    const [only] = written.messages;
    return async (lastId: string | null): Promise<ServiceAnswer | null> => {
      // What is subscribed to since 2026-07-28 is asked for anew.
      const subscribes = only?.method === 'subscriptions/listen' && ownVersion(only) !== null;
      if (!subscribes && (session === null || lastId === null)) return null;
      const { answer, refusal } =
        session === null ? await post(written, null, signal) : await listen(session, lastId, signal);
      if (refusal === null) return answer;
      if (isForgotten(refusal)) return null;
      throw inWords(refusal, answer.service);
    };
  }

  /** Posts a message that the client does not see the answer to. Null for one that has none. */
  async function ask(written: Written, session: Session | null, signal: AbortSignal) {
    const { answer, refusal } = await post(written, session, signal);
    if (refusal !== null) throw inWords(refusal, answer.service);
    const request = written.messages.find(({ kind }) => kind === 'request');
    let reply: Message | undefined;
    const take = async (text: string) => {
      reply ??= readMessages(text).messages.find(({ kind, id }) => kind === 'response' && id === request?.id);
    };
    await read(written, session, answer, { take, wanted: () => request !== undefined && reply === undefined, signal });
    if (request === undefined) return null;
    if (reply === undefined) throw endedEarly();
    return { answer, reply };
  }

  return { post: postMarked, listen, read, ask, learn: marks.learn };
}
