/**
 * A load balancer without any memory: each request goes to a server picked at random, or to another if that one is down; or to
 * the first that is up, in the order that is given.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

export type Balancer = {
  /** Requests answered by each server. */
  readonly served: ReadonlyMap<number, number>;
  close(): Promise<void>;
};

/** Listens on this port of loopback, in front of servers on those ports. */
export async function startBalancer(
  port: number,
  servers: readonly number[],
  order: 'random' | 'given' = 'random',
): Promise<Balancer> {
  const served = new Map(servers.map((server) => [server, 0]));
  const balancer = createServer(async (received, answer) => {
    const body = await text(received);
    const key = () => (order === 'random' ? Math.random() : 0);
    const shuffled = servers.map((server) => ({ server, key: key() })).sort((a, b) => a.key - b.key);
    for (const { server } of shuffled) {
      if (await forward(received, body, server, answer)) {
        served.set(server, (served.get(server) ?? 0) + 1);
        return;
      }
    }
    answer.writeHead(502).end();
  });
  await new Promise<void>((resolve) => balancer.listen(port, '127.0.0.1', resolve));
  return {
    served,
    close: () =>
      new Promise((resolve) => {
        balancer.close(() => resolve());
        balancer.closeAllConnections();
      }),
  };
}

/** False when nobody listens there. What breaks later is the client's to see. */
function forward(received: IncomingMessage, body: string, port: number, answer: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const { method, url, headers } = received;
    const sent = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.on('error', () => answer.destroy());
      response.pipe(answer);
      resolve(true);
    });
    answer.on('close', () => sent.destroy());
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED') answer.destroy();
      resolve(error.code !== 'ECONNREFUSED');
    });
    sent.end(body);
  });
}
