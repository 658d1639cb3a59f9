/** Real MCP clients of both SDK lines, talking to a real Keyward process over its stdin and stdout. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client as ClientTwo, type JSONRPCMessage, type Transport } from '@modelcontextprotocol/client';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

/** The built program; `npm test` builds it first. */
export const keywardMain = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));

/** `modern`: client 2.x at revision 2026-07-28. `legacy`: client 2.x at 2025-11-25. `sdk1`: the 1.x SDK's client. */
export const clientKinds = ['modern', 'legacy', 'sdk1'] as const;
export type ClientKind = (typeof clientKinds)[number];

export type LinkAnswer = 'accept' | 'decline' | 'cancel';

export type ClientOptions = {
  /** What the client calls itself. */
  readonly name?: string;
  /** Declares URL elicitation and answers with what this says; without it the client declares none. */
  readonly onLink?: (link: { url: string; message: string }) => Promise<LinkAnswer>;
};

export type CallOptions = {
  readonly signal?: AbortSignal;
  readonly onprogress?: (progress: { progress: number; total?: number | undefined }) => void;
  readonly timeout?: number;
};

/** What a tool answered, read as a client reads it. */
export type Outcome = {
  /** The structured content; absent when the tool failed. */
  readonly data?: Record<string, unknown>;
  /** The error in the text; absent when the tool did its work. */
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
};

export type TestClient = {
  readonly kind: ClientKind;
  /** Calls a tool and checks that text and structured content say the same. Protocol errors are thrown. */
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Outcome>;
  /** As `call`, for calls that must succeed. */
  get(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Record<string, unknown>>;
  listTools(): Promise<readonly { name: string; description?: string | undefined }[]>;
  instructions(): string | undefined;
  close(): Promise<void>;
};

/** How the test clients call themselves. */
export const identity = { name: 'keyward-test', version: '1.0.0' };

/** Connects a client of this kind to anything that speaks MCP. */
export async function connectClient(
  kind: ClientKind,
  transport: Transport,
  options: ClientOptions = {},
): Promise<TestClient> {
  const capabilities = options.onLink ? { elicitation: { url: {} } } : {};
  const self = options.name === undefined ? identity : { ...identity, name: options.name };
  const answer = async (params: Record<string, unknown>) => {
    const link = { url: String(params.url), message: String(params.message) };
    return { action: (await options.onLink?.(link)) ?? ('decline' as const) };
  };
  if (kind === 'sdk1') {
    const client = new ClientOne(self, { capabilities });
    if (options.onLink) client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params));
    await client.connect(transport as Parameters<ClientOne['connect']>[0]);
    return testClient(kind, client, (params, callOptions) =>
      client.callTool(params, CallToolResultSchema, callOptions),
    );
  }
  const mode = kind === 'modern' ? { pin: '2026-07-28' } : 'legacy';
  const client = new ClientTwo(self, { capabilities, versionNegotiation: { mode } });
  if (options.onLink) client.setRequestHandler('elicitation/create', ({ params }) => answer(params));
  await client.connect(transport);
  return testClient(kind, client, (params, callOptions) => client.callTool(params, callOptions));
}

type CallParams = { name: string; arguments: Record<string, unknown> };

function testClient(
  kind: ClientKind,
  client: ClientOne | ClientTwo,
  callTool: (params: CallParams, options: CallOptions) => Promise<unknown>,
): TestClient {
  const call: TestClient['call'] = async (name, args = {}, options = {}) =>
    outcomeOf(await callTool({ name, arguments: args }, options));
  return {
    kind,
    call,
    get: async (name, args, options) => {
      const { data, error } = await call(name, args, options);
      if (!data) throw new Error(`${name} failed: ${JSON.stringify(error)}`);
      return data;
    },
    listTools: async () => (await client.listTools()).tools,
    instructions: () => client.getInstructions(),
    close: () => client.close(),
  };
}

/** Reads a result as strictly as the contract is: one text, and the same JSON as structured content unless it failed. */
export function outcomeOf(result: unknown): Outcome {
  const { content, structuredContent, isError } = result as {
    content: { type: string; text: string }[];
    structuredContent?: Record<string, unknown>;
    isError?: boolean;
  };
  const [only] = content;
  if (content.length !== 1 || only?.type !== 'text') throw new Error('A result holds exactly one text.');
  const said = JSON.parse(only.text);
  if (isError) {
    if (structuredContent !== undefined) throw new Error('An error has no structured content.');
    return said;
  }
  if (JSON.stringify(structuredContent) !== only.text) throw new Error('Text and structured content differ.');
  return { data: said };
}

export type KeywardOptions = {
  /** Folder of vault and configuration; a fresh one, removed at the end, when left out. */
  readonly home?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Program to run instead of the built one. */
  readonly main?: string;
};

/** A running Keyward and everything it has said. */
export type KeywardProcess = {
  readonly home: string;
  readonly port: number;
  readonly transport: Transport;
  readonly child: ChildProcess;
  /** Every line on stdout, as it came. */
  readonly stdout: readonly string[];
  readonly stderr: () => string;
  /** Exit code, once it has ended. */
  readonly exited: Promise<number | null>;
  /** Closes its stdin, as a client does that goes away, and waits for its end. */
  readonly stop: () => Promise<number | null>;
};

/** Tests ask no service outside: what they connect is asked first, and a host that may not be reached is asked nothing. */
export const noOutside = { KEYWARD_HOSTS_ALLOW: 'nobody.example' };

/** The outer key of every vault that tests make; it protects nothing. */
export const testKey = randomBytes(32).toString('base64');

/** Starts Keyward over stdio with a home, a key and a callback port of its own. */
export async function startKeyward(options: KeywardOptions = {}): Promise<KeywardProcess> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'keyward-mcp-')));
  const port = await freePort();
  const child = spawn(process.execPath, [options.main ?? keywardMain, 'stdio'], {
    env: {
      PATH: process.env.PATH,
      KEYWARD_HOME: home,
      KEYWARD_KEY: testKey,
      KEYWARD_PORT: `${port}`,
      ...noOutside,
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const stdout: string[] = [];
  const transport = lineTransport(child, stdout);
  const exited = ended(child).then(async (code) => {
    if (options.home === undefined) await rm(home, { recursive: true, force: true });
    return code;
  });
  const stop = () => {
    child.stdin.end();
    return exited;
  };
  return { home, port, transport, child, stdout, stderr: () => errors, exited, stop };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

/** Starts Keyward and connects a client to it. */
export async function startWithClient(kind: ClientKind, options: KeywardOptions & ClientOptions = {}) {
  const keyward = await startKeyward(options);
  const client = await connectClient(kind, keyward.transport, options);
  return { keyward, client };
}

/** The stdio transport of the specification, which keeps every raw line besides. */
function lineTransport(child: ChildProcess, seen: string[]): Transport {
  const transport: Transport = {
    start: async () => {
      if (!child.stdout) throw new Error('The process has no stdout.');
      createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
        seen.push(line);
        // Tests look at what else is there; a client would give up.
        if (line.startsWith('{')) transport.onmessage?.(JSON.parse(line) as JSONRPCMessage);
      });
      child.once('close', () => transport.onclose?.());
    },
    send: async (message) => {
      if (!child.stdin?.writable) throw new Error('Keyward has gone.');
      child.stdin.write(`${JSON.stringify(message)}\n`);
    },
    close: async () => {
      child.stdin?.end();
      transport.onclose?.();
    },
  };
  return transport;
}

/** A port that is free now and stays so: below those that the system gives to whoever asks for any (Linux: from 32768). */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
