/**
 * `npm run test:agents`: runs every program of examples/agents and examples/gateway against a real Keyward over HTTP, and
 * prints a line for each. The frameworks are fetched at fixed versions into a folder of their own. Each program lists the
 * tools and calls one, or gets an answer through the gateway; no model is asked.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listedTools } from '../../src/mcp/tools/index.ts';
import { type HttpKeyward, startKeywardHttp } from '../../test/support/servers/keyward-http.ts';
import { type Ended, installPackages, output, runFetched } from '../fetch-tool.ts';
import { connectorId, serviceKey, startService } from './service.ts';

const packages = {
  '@ai-sdk/mcp': '2.0.99',
  '@anthropic-ai/sdk': '1.14.0',
  '@langchain/core': '1.4.0',
  '@langchain/langgraph': '1.7.3',
  '@langchain/mcp-adapters': '1.1.4',
  '@mastra/core': '1.71.0',
  '@mastra/mcp': '2.0.0',
  '@openai/agents': '0.20.0',
  ai: '7.0.173',
  openai: '7.59.0',
  zod: '4.6.7',
};
const pythonClient = 'mcp==2.3.0';

const examples = new URL('../../examples/', import.meta.url);
const folder = await mkdtemp(join(tmpdir(), 'keyward-agents-'));
const service = await startService(join(folder, 'connectors'));
let keyward: HttpKeyward | undefined;
try {
  const programs = join(folder, 'programs');
  await cp(new URL('agents', examples), programs, { recursive: true });
  await cp(new URL('gateway', examples), programs, { recursive: true });
  await installPackages(programs, packages);
  keyward = await startKeywardHttp(service.env);
  const token = await keyward.sessionToken('ann');
  const connection = await connect(keyward.origin, token);
  const gateway = `${keyward.origin}/proxy/${connection}`;
  const place = {
    cwd: programs,
    env: {
      ...process.env,
      MCP_URL: `${keyward.origin}/mcp`,
      MCP_TOKEN: token,
      ...{ OPENAI_BASE_URL: gateway, OPENAI_API_KEY: token },
      ...{ ANTHROPIC_BASE_URL: gateway, ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_API_KEY: undefined },
    },
  };
  const run = (file: string) => runFetched([], ['node', file], place);
  for (const name of ['langchain', 'ai-sdk', 'openai-agents', 'mastra']) {
    report(name, await run(`${name}.ts`), [`${listedTools().length} tools`, connection]);
  }
  report('openai', await run('openai.ts'), ['Hello from OpenAI']);
  report('anthropic', await run('anthropic.ts'), ['Hello from Anthropic']);
  const python = await pythonWith(pythonClient);
  if (python === null) process.stdout.write(`not run  client.py: no Python here can install ${pythonClient}\n`);
  else report('client.py', await output(python, ['client.py'], place), [`${listedTools().length} tools`, connection]);
} finally {
  await keyward?.stop();
  service.close();
  await rm(folder, { recursive: true, force: true });
}

/** Connects the service with its key, as a program does. */
async function connect(origin: string, token: string): Promise<string> {
  const answer = await fetch(`${origin}/connectors/${connectorId}/credentials`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'ann', authenticationType: 'bearer', token: serviceKey }),
  });
  const { credentialId } = (await answer.json()) as { credentialId?: string };
  if (credentialId === undefined) throw new Error(`The service was not connected: ${answer.status}`);
  return credentialId;
}

/** One line: whether the program ended well and printed all of this. What else it printed follows where it did not. */
function report(name: string, { code, text }: Ended, expected: readonly string[]): void {
  const good = code === 0 && expected.every((part) => text.includes(part)) && !text.includes(serviceKey);
  process.stdout.write(`${good ? 'passed' : 'FAILED'}   ${name}\n`);
  if (good) return;
  process.stdout.write(`${text.trimEnd().replace(/^/gm, '         ').replaceAll(serviceKey, '[key]')}\n`);
  process.exitCode = 1;
}

/** A Python that has this package, in an environment of its own; null where there is none. */
async function pythonWith(requirement: string): Promise<string | null> {
  const own = join(folder, 'python');
  const python = join(own, 'bin', 'python');
  const steps: readonly (readonly string[])[] = [
    ['python3', '-m', 'venv', own],
    [python, '-m', 'pip', 'install', '--quiet', requirement],
  ];
  for (const [program = '', ...args] of steps) {
    const { code } = await output(program, args).catch(() => ({ code: 1 }));
    if (code !== 0) return null;
  }
  return python;
}
