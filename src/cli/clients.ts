/** What to paste into which MCP client so that it starts this Keyward. */
import { options } from '../config.ts';

/** How a client starts Keyward: program, arguments, and the options of this environment that are no secret. */
export type Launch = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** The launch that repeats this process: same node, same file, same options. */
export function launchOf(execPath: string, script: string, env: NodeJS.ProcessEnv): Launch {
  const open = Object.values(options).filter((spec) => !spec.secret);
  const set = open.flatMap(({ variable }) => (env[variable] ? [[variable, env[variable]] as const] : []));
  return { command: execPath, args: [script, 'stdio'], env: Object.fromEntries(set) };
}

/** Client → where it goes → the text to paste, ready for a terminal. */
export function clientTexts(launch: Launch): readonly { readonly client: string; readonly text: string }[] {
  const server = {
    command: launch.command,
    args: launch.args,
    ...(Object.keys(launch.env).length > 0 && { env: launch.env }),
  };
  const run = [launch.command, ...launch.args].map(quote).join(' ');
  const env = Object.entries(launch.env).map(([name, value]) => `${name}=${value}`);
  return [
    {
      client: 'Claude Desktop (Settings, Developer, Edit Config), Cursor and most others',
      text: JSON.stringify({ mcpServers: { keyward: server } }, null, 2),
    },
    {
      client: 'Claude Code',
      text: ['claude mcp add keyward', ...env.map((pair) => `-e ${quote(pair)}`), '--', run].join(' '),
    },
    { client: 'VS Code', text: `code --add-mcp ${quote(JSON.stringify({ name: 'keyward', ...server }))}` },
    {
      client: 'MCP Inspector',
      text: ['npx @modelcontextprotocol/inspector', ...env.map((pair) => `-e ${quote(pair)}`), run].join(' '),
    },
  ];
}

/** One word of a shell command, quoted for sh when it needs it. */
function quote(word: string): string {
  return /^[\w@%+=:,./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
