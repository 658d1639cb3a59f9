/** `keyward call`: one call of a service, as `call_api` makes it, with the answer on stdout as it came. */
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Broker } from '../../broker/broker.ts';
import { callService, type ServiceAnswer } from '../../broker/calls/call-service.ts';
import { withSlash } from '../../broker/calls/path.ts';
import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import type { Principal } from '../../principal.ts';
import type { Invocation, Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { withApproval } from '../terminal/approval.ts';
import { plain } from '../terminal/table.ts';
import { withConnections } from '../with-store.ts';

const maxRedirects = 5;

export const call: Run = (invocation) =>
  withConnections(invocation, 'keyward call', async (broker, principal) => {
    const { words, flags } = invocation;
    const [typed = '', ...target] = words;
    const [method, path] = target.length > 1 ? [target[0] ?? '', target[1] ?? ''] : ['GET', target[0] ?? ''];
    const { credentialId } = await findConnection(broker, principal, typed);
    const body = await bodyOf(flags.get('data'));
    const sending = {
      connectionId: credentialId,
      method: method.toUpperCase(),
      path: withSlash(path),
      headers: headersOf(invocation, body),
      body,
    };
    const answer = await withApproval(broker, principal, () => send(broker, principal, sending));
    if (flags.has('include')) process.stdout.write(headText(answer));
    await pipeline(answer.body, process.stdout, { end: false });
    if (answer.status < 400) return 0;
    process.stderr.write(`${plain(answer.service)} answered with status ${answer.status}.\n`);
    return 1;
  });

type Sending = {
  readonly connectionId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
};

/** Redirects of reading calls are followed below the base URL, as `call_api` does. */
async function send(broker: Broker, principal: Principal, sending: Sending): Promise<ServiceAnswer> {
  const reads = sending.method === 'GET' || sending.method === 'HEAD';
  let { path } = sending;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await callService(broker, principal, { ...sending, path, reserved: 'refuse' });
    if (answer.redirect === null || !reads || redirects === maxRedirects) return answer;
    await answer.discard();
    path = answer.redirect;
  }
}

/** A text, `@file`, or `-` for stdin. */
async function bodyOf(data: string | undefined): Promise<Buffer | undefined> {
  if (data === undefined) return undefined;
  if (data === '-') return buffer(process.stdin);
  if (!data.startsWith('@')) return Buffer.from(data);
  return buffer(createReadStream(data.slice(1))).catch(() => {
    throw new KeywardError('invalid_input', `${data.slice(1)} can not be read.`, { hint: 'Name a file after the @.' });
  });
}

function headersOf({ lists }: Invocation, body: Buffer | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lists.get('header') ?? []) {
    const colon = line.indexOf(':');
    if (colon < 1) {
      throw new KeywardError('invalid_input', 'A header needs a name and a value.', {
        hint: "Write --header 'Accept: text/csv'.",
      });
    }
    headers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  const typed = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  if (body === undefined || typed) return headers;
  return { ...headers, 'content-type': isJson(body) ? 'application/json' : 'text/plain; charset=utf-8' };
}

function isJson(body: Buffer): boolean {
  try {
    parseJson(body.toString());
    return true;
  } catch {
    return false;
  }
}

function headText({ status, headers }: ServiceAnswer): string {
  return `${[`HTTP ${status}`, ...[...headers].map(([name, value]) => plain(`${name}: ${value}`))].join('\n')}\n\n`;
}
