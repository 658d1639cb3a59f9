/** A service on loopback that answers as OpenAI and Anthropic do, and the connector file for it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export const connectorId = 'custom.models';
/** What the service takes as its key. */
export const serviceKey = 'models_k7Qw9ZpX2vLr8TnB4yHd';

export type Service = {
  /** Options of a Keyward that knows the service and may reach it. */
  readonly env: Record<string, string>;
  close(): void;
};

/** What it answers to the key: an account, and one short answer of a model in the words of each vendor's API. */
const answers: Readonly<Record<string, unknown>> = {
  'GET /v1/me': { name: 'examples' },
  'POST /v1/chat/completions': {
    id: '1',
    object: 'chat.completion',
    created: 0,
    model: 'any',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hello from OpenAI' } }],
  },
  'POST /v1/v1/messages': {
    id: '1',
    type: 'message',
    role: 'assistant',
    model: 'any',
    content: [{ type: 'text', text: 'Hello from Anthropic' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  },
};

/** Starts it; `folder` gets the connector file. */
export async function startService(folder: string): Promise<Service> {
  const server = createServer((request, response) => {
    const known = request.headers.authorization === `Bearer ${serviceKey}`;
    const answer = answers[asked(request)];
    const status = known ? (answer === undefined ? 404 : 200) : 401;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(status === 200 ? answer : { error: { message: `status ${status}` } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await mkdir(folder);
  await writeFile(join(folder, 'models.json'), JSON.stringify(definition(host)));
  return {
    env: { KEYWARD_CONNECTORS_DIR: folder, KEYWARD_EGRESS_ALLOW: host },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** `POST /v1/messages`, without the query. */
function asked({ method = '', url = '' }: IncomingMessage): string {
  return `${method} ${url.split('?', 1)[0]}`;
}

function definition(host: string): unknown {
  return {
    id: connectorId,
    name: 'Models',
    categories: ['testing'],
    docsUrl: 'https://models.example/docs',
    appUrl: 'https://models.example/keys',
    verifiedOn: '2026-11-30',
    api: {
      baseUrl: `http://${host}/v1`,
      allowedHosts: [host],
      verify: { method: 'GET', path: '/me', accountPath: 'name' },
    },
    auth: [{ authenticationType: 'bearer' }],
  };
}
