/** The clients in front of a remote MCP server: `@modelcontextprotocol/server-everything` behind Keyward, over HTTP and over stdio. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Client as ClientTwo, StreamableHTTPClientTransport as TransportTwo } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { connectClient, keywardMain } from '../../test/support/clients/mcp-clients.ts';
import { fetchTools, installPackages } from '../fetch-tool.ts';
import { installClaudeCode } from './claude-code.ts';
import { must, type Stage } from './stage.ts';

const version = '2026.8.31';
const hello = { message: 'hello' };

export async function everything(stage: Stage): Promise<void> {
  const { url, env, serverPort, newToken, home, say } = stage;
  const folder = await home('everything');
  await installPackages(folder, { '@modelcontextprotocol/server-everything': version });
  const file = join(folder, 'node_modules', '@modelcontextprotocol', 'server-everything', 'dist', 'index.js');
  const server = spawn(process.execPath, [file, 'streamableHttp'], {
    env: { PATH: process.env.PATH, PORT: `${serverPort}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    await new Promise<void>((resolve) =>
      server.stderr.on('data', (text) => `${text}`.includes('listening') && resolve()),
    );
    const serverUrl = `http://127.0.0.1:${serverPort}/mcp`;
    const token = await newToken();
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    const owner = await connectClient('sdk1', new TransportOne(new URL(url), { requestInit }) as never);
    await owner.get('create_credential', {
      connectorId: 'mcp-server',
      authenticationType: 'bearer',
      token: 'the server takes any',
      serverUrl,
      name: 'everything',
    });
    await owner.close();
    const proxied = url.replace(/mcp$/, 'proxy/everything');
    const command = [process.execPath, keywardMain, 'mcp', 'everything'] as const;
    const [program, ...args] = command;
    const stdio = () =>
      new StdioClientTransport({
        command: program,
        args: [...args],
        env: { PATH: process.env.PATH ?? '', ...env },
        stderr: 'ignore',
      });
    const straight = await used(
      new ClientTwo({ name: 'transcript', version: '1' }),
      new TransportTwo(new URL(serverUrl)),
    );
    say(`server-everything ${version} straight: ${straight}`);
    const ways = {
      'SDK 1.x, /proxy/everything': () =>
        [
          new ClientOne({ name: 'transcript', version: '1' }),
          new TransportOne(new URL(proxied), { requestInit }),
        ] as never,
      'SDK 2.x, /proxy/everything': () =>
        [
          new ClientTwo({ name: 'transcript', version: '1' }),
          new TransportTwo(new URL(proxied), { requestInit }),
        ] as const,
      'SDK 1.x, keyward mcp everything': () => [new ClientOne({ name: 'transcript', version: '1' }), stdio()] as never,
      'SDK 2.x, keyward mcp everything': () => [new ClientTwo({ name: 'transcript', version: '1' }), stdio()] as const,
    } satisfies Record<string, () => readonly [ClientTwo, TransportTwo | StdioClientTransport]>;
    for (const [name, open] of Object.entries(ways)) {
      const found = await used(...(open() as readonly [ClientTwo, TransportTwo]));
      must(found === straight, `${name} found ${found}`);
      say(`${name}: the same`);
    }
    await withInspector(stage, proxied, token, command);
    await withClaudeCode(stage, proxied, token, command);
  } finally {
    server.kill();
  }
}

/** What a client sees of the server, as text: tools, prompts and resources by name, and what a call answers. */
async function used(client: ClientTwo, transport: TransportTwo | StdioClientTransport): Promise<string> {
  await client.connect(transport);
  const { tools } = await client.listTools();
  const { prompts } = await client.listPrompts();
  const { resources } = await client.listResources();
  const { content } = await client.callTool({ name: 'echo', arguments: hello });
  await client.close();
  const counts = `${tools.length} tools, ${prompts.length} prompts, ${resources.length} resources`;
  return `${counts}, echo answers ${JSON.stringify(content)}`;
}

async function withInspector(
  { env, home, say }: Stage,
  url: string,
  token: string,
  command: readonly string[],
): Promise<void> {
  const place = { cwd: await home('inspector-everything'), env: { PATH: process.env.PATH ?? '', HOME: env.HOME } };
  const tools = await fetchTools('@modelcontextprotocol/inspector@2.12.0');
  const call = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', 'message=hello'];
  const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const ways = {
    '/proxy/everything': [url, '--transport', 'http', '--header', `Authorization: Bearer ${token}`, ...call],
    'keyward mcp everything': [...command, ...variables, ...call],
  };
  for (const [name, args] of Object.entries(ways)) {
    const { code, text } = await tools.run('mcp-inspector', ['--cli', ...args], place);
    must(code === 0 && text.includes('Echo: hello'), `the Inspector, ${name}, ended with ${code}: ${text}`);
    say(`MCP Inspector, ${name}: Echo: hello`);
  }
}

async function withClaudeCode(
  { env, home, say }: Stage,
  url: string,
  token: string,
  command: readonly string[],
): Promise<void> {
  const claude = await installClaudeCode(await home('claude-code-everything'), 'mcp__everything__echo', hello);
  try {
    const header = `Authorization: Bearer ${token}`;
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const ways = {
      '/proxy/everything': ['--transport', 'http', 'everything', url, '--header', header],
      'keyward mcp everything': ['everything', ...variables, '--', ...command],
    };
    for (const [name, args] of Object.entries(ways)) {
      await claude.run('mcp', 'add', ...args);
      const list = await claude.run('mcp', 'list');
      must(list.includes('Connected'), `Claude Code, ${name}: ${list}`);
      const said = await claude.run('--print', 'Say hello', '--allowedTools', 'mcp__everything__echo');
      must(said.includes('Echo: hello'), `Claude Code, ${name}: ${said}`);
      say(`Claude Code, ${name}: Connected, Echo: hello`);
      await claude.run('mcp', 'remove', 'everything');
    }
  } finally {
    claude.close();
  }
}
