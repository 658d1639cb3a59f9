/** MCP Inspector: its command line, which signs in by itself. */
import { fetchTools } from '../fetch-tool.ts';
import { must, type Stage } from './stage.ts';
import { runInTerminal } from './terminal.ts';

const version = '2.12.0';

export async function inspector({ url, letIn, home, say }: Stage): Promise<void> {
  const folder = await home('inspector');
  const [node, program] = (await fetchTools(`@modelcontextprotocol/inspector@${version}`)).command('mcp-inspector');
  const env = { PATH: process.env.PATH ?? '', HOME: folder };
  const args = ['--cli', url, '--transport', 'http', '--method', 'tools/call', '--tool-name', 'list_credentials'];
  say(`MCP Inspector ${version}, its command line`);
  say(`$ npx @modelcontextprotocol/inspector@latest ${args.join(' ')}`);
  const signingIn: Promise<void>[] = [];
  const { code, text } = await runInTerminal(node, [program, ...args], { cwd: folder, env }, (shown) => {
    const link = /(http:\/\/\S+\/oauth\/authorize\?\S+)\s/.exec(shown)?.[1];
    if (link === undefined || signingIn.length > 0) return;
    say(`Please navigate to: ${link}`);
    signingIn.push(signIn(link));
  });
  await Promise.all(signingIn);
  must(code === 0 && signingIn.length === 1, `the Inspector ended with ${code}: ${text}`);
  const answer = /\{[\s\S]*\}/.exec(text.slice(text.indexOf('/oauth/authorize')))?.[0] ?? '';
  const { structuredContent } = JSON.parse(answer) as { readonly structuredContent: unknown };
  say(`list_credentials answered ${JSON.stringify(structuredContent)}`);

  async function signIn(link: string): Promise<void> {
    must((await fetch(await letIn(link))).ok, 'the Inspector did not take the code');
  }
}
