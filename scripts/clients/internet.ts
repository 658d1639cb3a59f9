/**
 * The little of the Internet that clients are vouched for with: their metadata documents, which Keyward reads through an
 * https proxy, as it would through that of a company. The documents say what the vendors publish; the addresses are theirs.
 */
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** What Claude Code names itself by: https://code.claude.com/docs/en/mcp. */
const claudeCode = 'https://claude.ai/oauth/claude-code-client-metadata';
/** What claude.ai, Claude Desktop and the apps name themselves by: https://claude.com/docs/connectors/building/authentication. */
export const claudeAi = 'https://claude.ai/oauth/mcp-oauth-client-metadata';
/** Where claude.ai has its people sent back to, by the same page. */
export const claudeAiCallback = 'https://claude.ai/api/mcp/auth_callback';

const documents: Readonly<Record<string, object>> = {
  [claudeCode]: {
    client_id: claudeCode,
    client_name: 'Claude Code',
    redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'none',
  },
  [claudeAi]: {
    client_id: claudeAi,
    client_name: 'Claude',
    redirect_uris: [claudeAiCallback],
    token_endpoint_auth_method: 'none',
  },
};

/** Environment with which Keyward finds these documents and nothing else outside of this computer. */
export type Internet = { readonly env: Readonly<Record<string, string>>; close(): void };

/** @param folder for the certificate of its authority */
export async function startInternet(folder: string): Promise<Internet> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'claude.ai' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'claude.ai' }] },
    ],
  });
  const authority = join(folder, 'authority.pem');
  await writeFile(authority, cert);
  const site = createTlsServer({ key, cert }, (request, response) => {
    const found = documents[`https://${request.headers.host}${request.url}`];
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(found ?? {}));
  });
  const proxy = createServer((_, response) => response.writeHead(403).end());
  proxy.on('connect', ({ url }: IncomingMessage, socket) => {
    socket.on('error', () => undefined);
    if (url !== 'claude.ai:443') return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const way = connect(portOf(site), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    way.on('error', () => socket.destroy());
    return void socket.pipe(way).pipe(socket);
  });
  for (const server of [site, proxy]) {
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  }
  return {
    env: {
      HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}`,
      NO_PROXY: '127.0.0.1,localhost',
      NODE_EXTRA_CA_CERTS: authority,
    },
    close() {
      for (const server of [proxy, site]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port;
}
