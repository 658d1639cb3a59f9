/** A proxy that passes requests on and does nothing else, on Node's server and undici. `plain-proxy <port> <upstream port>`. */
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Agent, request as send } from 'undici';

const dispatcher = new Agent();
const origin = `http://127.0.0.1:${process.argv[3]}`;

createServer(async (request, response) => {
  const { host: _, connection: __, ...headers } = request.headers;
  const { method = 'GET', url = '/' } = request;
  const bodiless = method === 'GET' || method === 'HEAD';
  try {
    const answer = await send(`${origin}${url}`, { method, headers, body: bodiless ? null : request, dispatcher });
    response.writeHead(answer.statusCode, answer.headers);
    await pipeline(answer.body, response);
  } catch {
    response.destroy();
  }
}).listen(Number(process.argv[2]), '127.0.0.1', () => {
  process.stdout.write('serving\n');
});
