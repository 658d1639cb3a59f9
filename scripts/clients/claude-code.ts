/** Claude Code: `claude mcp add`, its own login, and a call that its model makes; the model is one of this computer. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { installPackages, output } from '../fetch-tool.ts';
import { startModel } from './model.ts';
import { must, type Stage } from './stage.ts';
import { runInTerminal } from './terminal.ts';

const version = '2.1.332';

/** Claude Code in a home folder of its own. */
type ClaudeCode = {
  readonly program: string;
  readonly place: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };
  /** Runs it to its end, and answers what it printed; any exit code but 0 is an error. */
  run(...args: readonly string[]): Promise<string>;
  close(): void;
};

/** @param tool what its model calls, with these arguments */
export async function installClaudeCode(folder: string, tool: string, args: object): Promise<ClaudeCode> {
  await mkdir(join(folder, 'package'));
  // The package holds one program for each system; its install script only puts the right one in its place.
  const name = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
  await installPackages(join(folder, 'package'), { [name]: version });
  const program = join(folder, 'package', 'node_modules', ...name.split('/'), 'claude');
  const model = await startModel(tool, args);
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: 'none',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    ENABLE_TOOL_SEARCH: 'false',
  };
  const place = { cwd: folder, env };
  return {
    program,
    place,
    async run(...words) {
      const { code, text } = await output(program, words, place);
      must(code === 0, `claude ${words[0]} ended with ${code}: ${text}`);
      return text;
    },
    close: model.close,
  };
}

export async function claudeCode({ url, letIn, home, say }: Stage): Promise<void> {
  const claude = await installClaudeCode(await home('claude-code'), 'mcp__keyward__list_credentials', {});
  const { program, place, run } = claude;
  try {
    say(`Claude Code ${version}`);
    say(`$ claude mcp add --transport http keyward ${url}`);
    await run('mcp', 'add', '--transport', 'http', 'keyward', url);
    say('$ claude mcp list');
    say(lineWith(await run('mcp', 'list'), 'Needs authentication'));
    say('$ claude mcp login keyward --no-browser');
    const signingIn: Promise<void>[] = [];
    const { code, text } = await runInTerminal(program, ['mcp', 'login', 'keyward', '--no-browser'], place, (shown) => {
      const link = /(http:\/\/\S+\/oauth\/authorize\?\S+)\s/.exec(shown)?.[1];
      if (link === undefined || signingIn.length > 0) return;
      say(`Visit this URL to authorize: ${link}`);
      signingIn.push(signIn(link));
    });
    await Promise.all(signingIn);
    must(code === 0 && signingIn.length > 0, `the login ended with ${code}: ${text}`);
    say(lineWith(text, 'keyward".'));
    say('$ claude mcp list');
    say(lineWith(await run('mcp', 'list'), 'Connected'));
    say("$ claude --print 'Which services are connected?' --allowedTools mcp__keyward__list_credentials");
    const words = ['Which services are connected?', '--allowedTools', 'mcp__keyward__list_credentials'];
    say(lineWith(await run('--print', ...words), 'credentials'));
  } finally {
    claude.close();
  }

  async function signIn(link: string): Promise<void> {
    const back = await letIn(link);
    must((await fetch(back)).ok, 'Claude Code did not take the code');
  }
}

function lineWith(text: string, part: string): string {
  const found = text.split('\n').find((line) => line.includes(part));
  must(found !== undefined, `nothing says ${part}: ${text}`);
  return found.trim();
}
