/** A remote MCP server that is made with the MCP SDK, whose OAuth endpoints most servers in the wild have. */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { DemoInMemoryAuthProvider } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { finishCallback } from '../../../src/broker/connect/callback.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { viewAttempt } from '../../../src/broker/connect/page.ts';
import { localPrincipal as me } from '../../../src/principal.ts';
import { credentialOf, startBroker, type TestBroker } from '../../support/broker.ts';
import { freePort } from '../../support/clients/mcp-clients.ts';

let origin: string;
let listening: Server;
let test: TestBroker;
/** Without: as servers before the MCP specification of 2025-06-18 are. */
let metadata = true;

beforeEach(async () => {
  metadata = true;
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  const app = createMcpExpressApp();
  app.use((request, response, next) => {
    if (!metadata && request.path.includes('oauth-protected-resource')) response.status(404).end();
    else next();
  });
  const resource = new URL(`${origin}/mcp`);
  const provider = new DemoInMemoryAuthProvider((asked) => asked?.href === resource.href);
  const { host } = resource;
  app.use(
    mcpAuthRouter({
      provider,
      issuerUrl: new URL(origin),
      resourceServerUrl: resource,
      scopesSupported: ['mcp:tools'],
    }),
  );
  const named = { resourceMetadataUrl: `http://${host}/.well-known/oauth-protected-resource/mcp` };
  app.post(
    '/mcp',
    (request, response, next) =>
      requireBearerAuth({ verifier: provider, ...(metadata && named) })(request, response, next),
    async (request, response) => {
      const server = new McpServer({ name: 'remote', version: '1' });
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
      await server.connect(transport as never);
      await transport.handleRequest(request, response, request.body);
    },
  );
  listening = app.listen(port, '127.0.0.1');
  test = await startBroker({ origin });
});
afterEach(async () => {
  await test.close();
  listening.close();
});

async function connect(): Promise<string> {
  const input = { connectorId: 'mcp-server', authenticationType: 'oauth2', serverUrl: `${origin}/mcp` };
  const created = await createCredential(test.broker, me, input, { obtainedBy: 'tool' });
  if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
  const { attemptId } = created;
  const browser = randomBytes(16).toString('base64url');
  const view = await viewAttempt(test.broker, attemptId, browser, 'local');
  if (view.step !== 'authorize') throw new Error(`At ${JSON.stringify(view)}`);
  // The demo consents by itself.
  const consented = await fetch(view.authorizationUrl, { redirect: 'manual' });
  const back = new URL(consented.headers.get('location') ?? '');
  const connectorId = back.pathname.split('/').at(-1) ?? null;
  const { searchParams: received } = back;
  await finishCallback(test.broker, { received, connectorId, cookieOf: () => browser, visitor: 'local' });
  const attempt = await test.broker.vault.findAttempt(attemptId);
  if (!attempt?.credentialId) throw new Error(JSON.stringify(attempt?.error));
  return attempt.credentialId;
}

describe('an MCP server made with the MCP SDK', () => {
  it.each([true, false])('is connected by its address and called (metadata of the resource: %s)', async (published) => {
    metadata = published;
    const id = await connect();
    expect(await credentialOf(test.broker, me, id)).toMatchObject({ scopes: published ? ['mcp:tools'] : null });
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'keyward', version: '0' } },
    };
    const answer = await callApi(test.broker, me, {
      connectionId: id,
      method: 'POST',
      path: '/',
      headers: { accept: 'application/json, text/event-stream' },
      body: initialize,
    });
    expect(answer).toMatchObject({ status: 200, body: { result: { serverInfo: { name: 'remote' } } } });
  });
});
