/** Answers in GitHub's place, behind a proxy on this computer, so that the built-in connector runs as it is. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

const host = 'api.github.com';

/** The token that this GitHub takes. It has the form of a real one and opens nothing. */
export const token = `ghp_${'k'.repeat(36)}`;

/** What each path answers; fields as GitHub's REST documentation names them. */
const answers: Readonly<Record<string, unknown>> = {
  '/user': { login: 'ann', id: 1001, type: 'User' },
  '/repos/ann/garden/pulls': [
    { number: 42, title: 'Water the tomatoes at dawn', user: { login: 'bob' }, draft: false },
    { number: 41, title: 'Fix the greenhouse sensor', user: { login: 'ann' }, draft: true },
  ],
};

export type StandIn = {
  /** Variables with which Keyward goes through the proxy and trusts its certificate. */
  readonly env: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
};

/** Starts both servers on free ports of 127.0.0.1. Nothing leaves this computer: the proxy opens no other way. */
export async function startGitHub(): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-story-'));
  const { private: key, cert } = await generate([{ name: 'commonName', value: host }], {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
    ],
  });
  const certificate = join(folder, 'ca.pem');
  await writeFile(certificate, cert);
  const api = await listen(
    createTlsServer({ key, cert }, ({ url = '', headers }, response) => {
      const body = headers.authorization === `Bearer ${token}` ? answers[url.replace(/\?.*/, '')] : undefined;
      const status = body === undefined ? 401 : 200;
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
      response.end(JSON.stringify(body ?? { message: 'Bad credentials', status: `${status}` }));
    }),
  );
  const proxy = await listen(
    createHttpServer().on('connect', (request: IncomingMessage, socket) => {
      socket.on('error', () => undefined);
      if (request.url !== `${host}:443`) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      const way = connect(portOf(api), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      way.on('error', () => socket.destroy());
      return void socket.pipe(way).pipe(socket);
    }),
  );
  return {
    env: { HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}`, NODE_EXTRA_CA_CERTS: certificate },
    close: async () => {
      for (const server of [proxy, api]) server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function listen<T extends Server>(server: T): Promise<T> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return server;
}
