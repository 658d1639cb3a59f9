/** Requests that come one behind the other on one connection (RFC 9112 §9.3.2). */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { person } from '../../support/principals.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';

let rest: RestServer;
beforeAll(async () => {
  rest = await startRest({}, new Map([['ann', person('default', 'ann')]]));
});
afterAll(() => rest.close());

/** More than one user has turns. */
const many = 100;

it.each([
  ['/mcp', 'POST', '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'],
  ['/connectors/github/credentials', 'GET', ''],
  ['/proxy/github/user', 'GET', ''],
])(
  '341. those to %s that wait on a connection when it closes keep no turn of their user',
  async (path, method, body) => {
    const { hostname, port } = new URL(rest.origin);
    const type = body === '' ? '' : 'content-type: application/json\r\naccept: application/json, text/event-stream\r\n';
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${rest.token('ann')}\r\n`;
    const one = `${head}${type}content-length: ${body.length}\r\n\r\n${body}`;
    for (let round = 0; round < 2; round += 1) {
      const socket = connect(Number(port), hostname);
      // They are read and begun, and the connection closes before the first one is answered.
      await new Promise<void>((resolve) => socket.write(one.repeat(many), () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
    }
    expect((await rest.send('ann', 'GET', '/connectors/github/credentials')).status).toBe(200);
  },
);
