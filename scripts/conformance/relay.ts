/** A loopback relay that adds a bearer token: the suite has none to send. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Relay = { readonly origin: string; close(): void };

/** Everything goes on as it came, but that the relay's own name becomes the server's: foreign ones are for the server to judge. */
export async function startRelay(target: string, token: string): Promise<Relay> {
  const { host, hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const own = incoming.headers.host === relayHost ? host : incoming.headers.host;
    const origin = incoming.headers.origin === `http://${relayHost}` ? target : incoming.headers.origin;
    const headers = { ...incoming.headers, host: own, authorization: `Bearer ${token}`, ...(origin && { origin }) };
    const { method, url: path } = incoming;
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relayHost = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin: `http://${relayHost}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
