/** How the answer to a call leaves, over real connections. */
import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answerCall, type RunCall } from '../../../src/http/mcp/call-answer.ts';

let call: RunCall;
let statuses: number[] = [];
let answered: Promise<void>;
const begin = (status: number) => {
  statuses.push(status);
  return { 'x-own': 'yes' };
};
let before: (outgoing: ServerResponse) => Promise<unknown>;
const server = createServer((_, outgoing) => {
  answered = before(outgoing).then(() => answerCall(outgoing, call, begin));
});
let url: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => server.close());

async function ask(asked: RunCall): Promise<Response> {
  call = asked;
  before = async () => {};
  statuses = [];
  return fetch(url, { method: 'POST' });
}

it('an answer leaves whole, with its length, for clients that read JSON and for those that read streams', async () => {
  const text = '{"a":"é"}';
  const json = await ask({ streams: false, run: async () => text });
  const read = (response: Response) =>
    ['content-type', 'content-length', 'x-own'].map((name) => response.headers.get(name));
  expect([json.status, read(json), await json.text()]).toEqual([200, ['application/json', '10', 'yes'], text]);
  const stream = await ask({ streams: true, run: async () => text });
  const event = `event: message\ndata: ${text}\n\n`;
  expect([stream.status, read(stream), await stream.text()]).toEqual([200, ['text/event-stream', '33', 'yes'], event]);
  expect(statuses).toEqual([200]);
});

it('what is told before the answer opens a stream, and the answer ends it', async () => {
  let told = () => {};
  const heard = new Promise<void>((resolve) => {
    told = resolve;
  });
  const run: RunCall['run'] = async ({ notify }) => {
    notify('{"first":1}');
    await heard;
    return '{"last":1}';
  };
  const response = await ask({ streams: false, run });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  told();
  expect(await response.text()).toBe('event: message\ndata: {"first":1}\n\nevent: message\ndata: {"last":1}\n\n');
  expect(statuses).toEqual([200]);
});

it('a client that reads streams sees its answer begin while the tool is at work', async () => {
  let finish = (_: string) => {};
  const work = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const response = await ask({ streams: true, run: () => work });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  finish('{}');
  expect(await response.text()).toBe('event: message\ndata: {}\n\n');
});

it('a client that goes away ends the work for it, and the log has an answer that nobody waited for', async () => {
  let begun = () => {};
  const atWork = new Promise<void>((resolve) => {
    begun = resolve;
  });
  statuses = [];
  before = async () => {};
  call = {
    streams: false,
    async run(meanwhile) {
      const { signal } = meanwhile;
      begun();
      await once(signal, 'abort');
      // Also for whoever asks only now.
      meanwhile.notify('{}');
      return String(meanwhile.signal.aborted);
    },
  };
  const client = request(url, { method: 'POST' }).on('error', () => {});
  client.end();
  await atWork;
  client.destroy();
  await answered;
  expect(statuses).toEqual([499]);
});

it('nothing is done for a client that has gone before', async () => {
  let ran = false;
  statuses = [];
  call = {
    streams: false,
    async run() {
      ran = true;
      return '{}';
    },
  };
  const client = request(url, { method: 'POST' }).on('error', () => {});
  const gone = new Promise<void>((resolve) => {
    before = async (outgoing) => {
      client.destroy();
      await once(outgoing, 'close');
      resolve();
    };
  });
  client.end();
  await gone;
  await answered;
  expect([ran, statuses]).toEqual([false, [499]]);
});
