/**
 * A service to call: `/v1/small` answers a kilobyte of JSON, `/v1/page` 64, `/v1/events` an event at once and another one 5 ms later,
 * `/v1/pour?mebibytes=` so much text. `upstream <port>`.
 */
import { createServer, type ServerResponse } from 'node:http';

const small = JSON.stringify({
  items: Array.from({ length: 12 }, (_, id) => ({ id, name: `Item ${id}`, done: false, tags: ['a', 'b'] })),
});
const page = JSON.stringify(Array.from({ length: Math.floor(65_536 / small.length) }, () => JSON.parse(small)));
const portion = Buffer.from('A line of text that somebody might read. '.repeat(1_600));

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://upstream');
  if (pathname === '/v1/small' || pathname === '/v1/page') {
    const body = pathname === '/v1/page' ? page : small;
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  } else if (pathname === '/v1/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
    setTimeout(() => response.end('data: last\n\n'), 5);
  } else pour(response, Number(searchParams.get('mebibytes')) * 1024 * 1024);
}).listen(Number(process.argv[2]), '127.0.0.1', () => {
  process.stdout.write('serving\n');
});

function pour(response: ServerResponse, left: number): void {
  let still = left;
  while (still > 0) {
    const piece = portion.subarray(0, Math.min(still, portion.length));
    still -= piece.length;
    if (!response.write(piece)) {
      response.once('drain', () => pour(response, still));
      return;
    }
  }
  response.end();
}
