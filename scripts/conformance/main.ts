/**
 * `npm run test:conformance`: the scenarios of the official MCP conformance suite that apply to a server without the
 * suite's own fixtures, and those for an authorization server, against the built program. Any failure that is not expected
 * below fails it, and so does an expected one that has gone.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runAuthorizationServer } from './authorization-server.ts';
import { startRelay } from './relay.ts';
import { type Check, runScenario } from './suite.ts';

const scenarios = {
  '2026-07-28': [
    'server-stateless',
    'tools-list',
    'dns-rebinding-protection',
    'server-sse-multiple-streams',
    'http-header-validation',
    'input-required-result-unsupported-methods',
    'caching',
    'sep-2164-resource-not-found',
    'resources-list',
    'prompts-list',
  ],
  '2025-11-25': [
    'server-initialize',
    'ping',
    'tools-list',
    'dns-rebinding-protection',
    'resources-list',
    'prompts-list',
  ],
} as const;

/** Checks that can't pass here, and why. */
const expected: Readonly<Record<string, string>> = {
  'sep-2575-server-rejects-undeclared-capability': 'calls test_missing_capability, a tool of the suite’s own server',
  'sep-2575-missing-capability-http-400': 'calls test_missing_capability, too',
  'sep-2575-http-server-no-independent-requests-on-stream': 'calls test_streaming_elicitation',
  'sep-2575-server-no-log-without-loglevel': 'calls test_logging_tool',
};

const folder = await mkdtemp(join(tmpdir(), 'keyward-conformance-'));
const port = await freePort();
const env = {
  PATH: process.env.PATH,
  KEYWARD_HOME: join(folder, 'home'),
  KEYWARD_KEY: randomBytes(32).toString('base64'),
  KEYWARD_PORT: `${port}`,
};
const keyward = spawn(process.execPath, ['dist/main.js', 'http'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
let unexpected = 0;
const seen = new Set<string>();
try {
  await Promise.race([once(keyward.stdout, 'data'), once(keyward, 'exit')]);
  keyward.stdout.resume();
  const create = ['dist/main.js', 'token', 'create', '--user', 'conformance'];
  const token = (await promisify(execFile)(process.execPath, create, { env })).stdout.trim();
  const relay = await startRelay(`http://127.0.0.1:${port}`, token);
  for (const [revision, names] of Object.entries(scenarios)) {
    for (const scenario of names) {
      const results = join(folder, revision, scenario);
      await mkdir(results, { recursive: true });
      judge(`${revision}  ${scenario}`, await runScenario(`${relay.origin}/mcp`, revision, scenario, results));
    }
  }
  const results = join(folder, 'authorization-server');
  await mkdir(results);
  const newCode = async () => {
    const args = ['dist/main.js', 'sign-in', '--user', 'conformance'];
    return (await promisify(execFile)(process.execPath, args, { env })).stdout.trim();
  };
  const server = { origin: `http://127.0.0.1:${port}`, newCode };
  for (const [scenario, checks] of await runAuthorizationServer(server, results, await freePort())) {
    judge(scenario, checks);
  }
  for (const id of Object.keys(expected)) {
    if (seen.has(id)) continue;
    unexpected += 1;
    process.stdout.write(`FAILED  ${id} was expected to fail and does not any more: take it off the list\n`);
  }
  relay.close();
} finally {
  const ended = once(keyward, 'exit');
  keyward.kill('SIGTERM');
  await ended;
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = unexpected === 0 ? 0 : 1;

/** Prints what became of a scenario, and counts what was not expected. */
function judge(scenario: string, checks: readonly Check[]): void {
  const failed = checks.filter(({ status }) => status === 'FAILURE');
  const passed = checks.filter(({ status }) => status === 'SUCCESS');
  const surprises = failed.filter(({ id }) => expected[id] === undefined);
  for (const { id } of failed) seen.add(id);
  unexpected += surprises.length;
  const known = failed.length - surprises.length;
  process.stdout.write(
    `${surprises.length === 0 ? 'passed' : 'FAILED'}  ${scenario}: ${passed.length} of ${checks.length} checks${known === 0 ? '' : `, ${known} expected to fail`}\n`,
  );
  for (const { id, errorMessage } of surprises) process.stdout.write(`        ${id}: ${errorMessage ?? ''}\n`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}
