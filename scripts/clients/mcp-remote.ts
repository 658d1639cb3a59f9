/** mcp-remote: the program that clients without OAuth start, and that signs in for them. */
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { installPackages } from '../fetch-tool.ts';
import { must, type Stage } from './stage.ts';

const version = '0.15.1';

export async function mcpRemote({ url, letIn, home, say }: Stage): Promise<void> {
  const folder = await home('mcp-remote');
  await installPackages(folder, { 'mcp-remote': version });
  say(`mcp-remote ${version}, started by a client of the SDK`);
  say(`$ npx mcp-remote ${url}`);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(folder, 'node_modules', 'mcp-remote', 'dist', 'proxy.js'), url],
    // It opens the browser itself where it finds one.
    env: { PATH: process.env.PATH ?? '', HOME: folder, BROWSER: 'true' },
    stderr: 'pipe',
  });
  const signingIn: Promise<void>[] = [];
  let shown = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    const link = /(http:\/\/\S+\/oauth\/authorize\?\S+)\s/.exec(shown)?.[1];
    if (link === undefined || signingIn.length > 0) return;
    say(`Please authorize this client by visiting: ${link}`);
    signingIn.push(signIn(link));
  });
  const client = new Client({ name: 'transcript', version: '1' });
  await client.connect(transport, { timeout: 60_000 });
  await Promise.all(signingIn);
  must(signingIn.length === 1, 'mcp-remote asked nobody to sign in');
  say(`list_credentials answered ${JSON.stringify((await callList(client)).structuredContent)}`);
  await client.close();

  async function signIn(link: string): Promise<void> {
    must((await fetch(await letIn(link))).ok, 'mcp-remote did not take the code');
  }
}

function callList(client: Client) {
  return client.callTool({ name: 'list_credentials', arguments: {} });
}
