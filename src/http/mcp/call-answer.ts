/** The answer to a call: sent whole, or as a stream of events once something is told before it is there. */
import type { ServerResponse } from 'node:http';
import { goneSignal } from '../listener/node-response.ts';
import type { Call, Meanwhile } from './request.ts';

/** A client that reads streams sees its answer begin within this time, and so knows that it was heard. */
const patienceMs = 1_000;
/** An open stream says something as often as this, so that nothing in between takes it for dead. */
const keepAliveMs = 15_000;
/** What stands in between must not hold events back. */
const eventStream = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
/** The status in the log of an answer that nobody waited for. */
const clientGone = 499;

/** A call of one caller. */
export type RunCall = Pick<Call, 'streams'> & { run(meanwhile: Meanwhile): Promise<string> };

/**
 * Runs a call and sends its answer; fails as the call does.
 *
 * @param begin is told the status when the answer begins, and gives the headers that every answer has
 */
export async function answerCall(
  outgoing: ServerResponse,
  { streams, run }: RunCall,
  begin: (status: number) => Readonly<Record<string, string>>,
): Promise<void> {
  // Nobody is there to hear of it, so nothing is done.
  if (outgoing.destroyed || outgoing.req.socket.destroyed) return void begin(clientGone);
  let alive: NodeJS.Timeout | undefined;
  const say = (text: string) => void (outgoing.destroyed || outgoing.write(text));
  const open = () => {
    if (outgoing.headersSent || outgoing.destroyed) return;
    outgoing.writeHead(200, { ...begin(200), ...eventStream }).flushHeaders();
    alive = setInterval(say, keepAliveMs, ': keepalive\n\n').unref();
  };
  const patience = streams ? setTimeout(open, patienceMs).unref() : undefined;
  let gone: AbortSignal | undefined;
  try {
    const answer = await run({
      // Most tools never look at it, and making one takes as long as they do.
      get signal() {
        gone ??= goneSignal(outgoing);
        return gone;
      },
      notify(message) {
        open();
        say(event(message));
      },
    });
    if (outgoing.headersSent) {
      say(event(answer));
      outgoing.end();
    } else if (outgoing.destroyed) {
      begin(clientGone);
    } else {
      const text = streams ? event(answer) : answer;
      const type = streams ? eventStream : { 'content-type': 'application/json' };
      outgoing.writeHead(200, { ...begin(200), ...type, 'content-length': Buffer.byteLength(text) }).end(text);
    }
  } finally {
    clearTimeout(patience);
    clearInterval(alive);
  }
}

/** One event of a stream (WHATWG HTML §9.2). JSON has no line breaks of its own. */
function event(message: string): string {
  return `event: message\ndata: ${message}\n\n`;
}
