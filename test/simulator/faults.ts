/** What goes wrong between an answer and whoever waits for it. */
import type { ServerResponse } from 'node:http';
import type { Fault } from './profile.ts';
import type { Answer } from './request.ts';

/** Sends an answer, spoilt in the given way. */
export function send(response: ServerResponse, answer: Answer, fault: Fault | null): void {
  if (fault === null) proper(response, answer);
  else if (fault.kind === 'slow') later(response, answer, fault.ms);
  else if (fault.kind === 'status') proper(response, refusal(fault));
  else if (fault.kind === 'truncated') half(response, answer);
  else if (fault.kind === 'html')
    proper(response, { status: 200, headers: { 'content-type': 'text/html' }, body: oops });
  else if (fault.kind === 'redirect') proper(response, { status: 307, headers: { location: elsewhere }, body: '' });
  else if (fault.kind === 'reset') response.destroy();
  else keepWriting(response.writeHead(answer.status, typeOf(answer)));
}

const oops = '<!doctype html><title>Oops</title><p>We will be back.';
const elsewhere = 'https://elsewhere.example/token';

function refusal({ status, retryAfter }: Extract<Fault, { kind: 'status' }>): Answer {
  return {
    status,
    headers: retryAfter === undefined ? {} : { 'retry-after': `${retryAfter}` },
    body: { message: 'Not now.' },
  };
}

function later(response: ServerResponse, answer: Answer, ms: number): void {
  const timer = setTimeout(proper, ms, response, answer);
  response.once('close', () => clearTimeout(timer));
}

function half(response: ServerResponse, answer: Answer): void {
  const text = textOf(answer);
  response.writeHead(answer.status, { ...typeOf(answer), 'content-length': Buffer.byteLength(text) });
  response.write(text.slice(0, text.length / 2), () => response.destroy());
}

function proper(response: ServerResponse, answer: Answer): void {
  response
    .writeHead(answer.status, { ...typeOf(answer), 'cache-control': 'no-store', ...answer.headers })
    .end(textOf(answer));
}

const typeOf = ({ body }: Answer) => ({ 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' });
const textOf = ({ body }: Answer) => (typeof body === 'string' ? body : JSON.stringify(body));

const spaces = Buffer.alloc(65_536, ' ');

/** As fast as it is taken, until the connection is gone. */
function keepWriting(response: ServerResponse): void {
  while (!response.destroyed) {
    if (!response.write(spaces)) {
      response.once('drain', () => keepWriting(response));
      return;
    }
  }
}
