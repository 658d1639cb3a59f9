/** Streams of events (WHATWG HTML §9.2) in which MCP servers answer, and following one past its interruptions. */
import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import type { ServiceAnswer } from '../../broker/calls/call-service.ts';
import { hasCode, KeywardError } from '../../errors.ts';

/** Longest message of a server, in characters. */
export const maxMessage = 16 * 1024 * 1024;

type Event = { readonly data: string; readonly id?: string | undefined };

/** Between two looks at an interrupted stream, in milliseconds: the usual, and the limits of what a server may ask for. */
const usualWait = 1_000;
const [leastWait, mostWait] = [100, 60_000];
/** Longest pause after failures, in milliseconds. */
const mostBackoff = 30_000;

type Following = {
  /** What is done with the text of each message. */
  readonly take: (text: string) => Promise<void>;
  /** False once nothing more is expected: the end of the stream is the end then. */
  readonly wanted: () => boolean;
  /**
   * Opens the stream again, behind the event of that id; null when there is no more of it.
   *
   * @param lastId null where no event had one
   */
  readonly reopen: (lastId: string | null) => Promise<ServiceAnswer | null>;
  /** How often in a row it may fail before that is an error; default: ever. */
  readonly maxFailures?: number;
  /** Whether what failed may work later. */
  readonly passes?: (error: unknown) => boolean;
  readonly signal: AbortSignal;
};

/**
 * Reads a stream to its end, and opens it again where it ended too early. A server says itself how long to wait before
 * (`retry`); what fails is tried again later and later.
 *
 * @param first null to open it first
 * @throws KeywardError of the last failure, and `provider_unavailable` where the stream ended and can not be opened again
 */
export async function follow(first: ServiceAnswer | null, following: Following): Promise<void> {
  const { take, wanted, reopen, maxFailures = Number.POSITIVE_INFINITY, passes = isPassing, signal } = following;
  let answer = first;
  let lastId: string | null = null;
  let wait = usualWait;
  let failures = 0;
  for (;;) {
    let error: unknown = endedEarly();
    try {
      answer ??= await reopen(lastId);
      if (answer === null) {
        if (wanted()) throw error;
        return;
      }
      const onRetry = (ms: number) => {
        wait = Math.min(Math.max(ms, leastWait), mostWait);
      };
      failures += 1;
      if (!isEvents(answer)) {
        await answer.discard();
        throw error;
      }
      for await (const { data, id } of eventsIn(answer.body, onRetry)) {
        failures = 0;
        lastId = id === undefined ? lastId : id || null;
        if (data !== '') await take(data);
      }
    } catch (problem) {
      if (signal.aborted || problem === error || !passes(problem)) throw problem;
      if (answer === null) failures += 1;
      error = problem;
    }
    answer = null;
    if (!wanted() || signal.aborted) return;
    if (failures > maxFailures) throw error;
    const pause = failures === 0 ? wait : Math.min(wait * 2 ** (failures - 1), mostBackoff);
    await delay(pause, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
  }
}

/** True for an answer that is a stream of events, whatever its body looks like. */
export function isEvents({ headers }: ServiceAnswer): boolean {
  return /^\s*text\/event-stream\s*(;|$)/i.test(headers.get('content-type') ?? '');
}

/** Trouble of the way or of the moment. */
function isPassing(error: unknown): boolean {
  return hasCode(error, 'provider_unavailable', 'rate_limited', 'vault_busy', 'store_unavailable');
}

export function endedEarly(): KeywardError {
  return new KeywardError('provider_unavailable', 'The MCP server ended its answer before it was complete.', {
    hint: 'It may have done what was asked. Look before you call it again.',
    details: { ambiguous: true },
  });
}

/** The messages of a stream, one after the other, as fast as they are taken. */
async function* eventsIn(body: AsyncIterable<Uint8Array>, onRetry: (ms: number) => void): AsyncGenerator<Event> {
  const ready: Event[] = [];
  const parser = createParser({
    maxBufferSize: maxMessage,
    onEvent: ({ event = 'message', data, id }) => {
      if (event === 'message' || event === '') ready.push({ data, id });
    },
    onRetry,
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') throw tooLong();
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* ready.splice(0);
  }
}

function tooLong(): KeywardError {
  return new KeywardError('egress_too_large', 'A message of the MCP server is longer than 16 MB.', {
    hint: 'Ask the server for less at a time.',
  });
}
