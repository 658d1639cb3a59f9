/** `keyward http` as a real process, and real MCP clients of both SDK lines over HTTP. */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { StreamableHTTPClientTransport as TransportTwo } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { createSignInCode } from '../../../src/broker/sign-in/code.ts';
import { createSession } from '../../../src/broker/sign-in/sessions.ts';
import { localPrincipal, usualScopes } from '../../../src/principal.ts';
import {
  type ClientKind,
  type ClientOptions,
  connectClient,
  freePort,
  keywardMain,
  noOutside,
  type TestClient,
} from '../clients/mcp-clients.ts';
import { type RawAnswer, raw } from '../clients/raw-http.ts';
import { onVault } from '../vault/on-vault.ts';

const run = promisify(execFile);

export type HttpKeyward = {
  readonly origin: string;
  readonly pid: number;
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Everything it wrote so far: what it said when it started, and its log. */
  readonly said: () => string;
  /** Runs another command on the same vault, and answers what it prints. */
  cli(...args: readonly string[]): Promise<string>;
  /** A session token, as `keyward token create` makes one: with the usual scopes, in the tenant `default`. */
  sessionToken(
    user: string,
    other?: { readonly scopes?: readonly string[]; readonly tenant?: string },
  ): Promise<string>;
  /** A code that signs a person of the tenant `default` in to its pages, as `keyward sign-in` makes one. */
  signInCode(user: string): Promise<string>;
  client(kind: ClientKind, token: string, options?: ClientOptions): Promise<TestClient>;
  /** One JSON-RPC message by hand; null sends no bearer token. */
  post(token: string | null, body: string, headers?: Record<string, string>): Promise<RawAnswer>;
  /** Stops it as an operator does, and answers its exit code. */
  stop(): Promise<number | null>;
  /** Ends it with SIGKILL; its home stays. */
  kill(): Promise<void>;
};

/** @param given options, over a home, a key and a port of its own; a home that is given stays when it stops */
export async function startKeywardHttp(given: NodeJS.ProcessEnv = {}): Promise<HttpKeyward> {
  const home = given.KEYWARD_HOME === undefined ? await mkdtemp(join(tmpdir(), 'keyward-http-')) : null;
  const port = given.KEYWARD_PORT ?? `${await freePort()}`;
  const own = { ...(home === null ? {} : { KEYWARD_HOME: home }), KEYWARD_KEY: randomBytes(32).toString('base64') };
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, ...noOutside, ...own, ...given, KEYWARD_PORT: port };
  // Programs of this machine need not go through a proxy.
  const local = `http://127.0.0.1:${port}`;
  const origin = given.KEYWARD_PUBLIC_URL ?? local;
  const child = spawn(process.execPath, [keywardMain, 'http'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => void lines.push(line));
  const log = createInterface({ input: child.stderr }).on('line', (line) => void lines.push(line));
  for (;;) {
    const [line] = (await Promise.race([once(log, 'line'), once(child, 'exit')])) as [unknown];
    if (typeof line === 'string' && line.includes('"serving"')) break;
    if (typeof line !== 'string') throw new Error(`keyward http did not start:\n${lines.join('\n')}`);
  }
  const cli = async (...args: readonly string[]) =>
    (await run(process.execPath, [keywardMain, ...args], { env })).stdout;
  return {
    origin,
    pid: child.pid ?? 0,
    home: env.KEYWARD_HOME ?? '',
    env,
    said: () => lines.join('\n'),
    cli,
    async sessionToken(user, { scopes = usualScopes, tenant = 'default' } = {}) {
      const input = { tenant, user, scopes, expiresAt: null };
      return (await onVault(env, (broker) => createSession(broker, localPrincipal, input))).token;
    },
    async signInCode(user) {
      const person = { tenant: 'default', user };
      return (await onVault(env, (broker) => createSignInCode(broker, localPrincipal, person))).code;
    },
    client: (kind, token, clientOptions) => {
      const options = { requestInit: { headers: { authorization: `Bearer ${token}` } } };
      const url = new URL(`${local}/mcp`);
      const transport = kind === 'sdk1' ? (new TransportOne(url, options) as never) : new TransportTwo(url, options);
      return connectClient(kind, transport, clientOptions);
    },
    post: (token, body, headers = {}) =>
      raw(local, '/mcp', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        body,
      }),
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = (await ended) as [number | null];
      if (home !== null) await rm(home, { recursive: true, force: true });
      return code;
    },
  };
}
