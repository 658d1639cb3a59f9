/** What to paste into which MCP client so that it starts this Keyward. */
import { flagOf, options } from '../../config/config.ts';
import { packageName } from '../../version.ts';
import { plain } from '../terminal/table.ts';

/** How a client starts Keyward: program, arguments, and environment (never a secret). */
export type Launch = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** This process, as far as it matters to how it was started. */
type Self = {
  /** Absolute path of Node. */
  readonly execPath: string;
  /** Absolute path of the program, as it was called. */
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  /** Options that were typed: `--port` → text. */
  readonly options: ReadonlyMap<string, string>;
};

/** This process, with the options that were typed. */
export function thisProcess(options: Self['options']): Self {
  return { execPath: process.execPath, script: process.argv[1] ?? 'keyward', env: process.env, options };
}

/**
 * The launch that repeats this process over stdio, with the same options; secrets are left for the person to add.
 *
 * @param words the command that serves
 */
export function launchOf(self: Self, words: readonly string[] = ['stdio']): Launch {
  const { typed, set } = optionsOf(self);
  return {
    ...programOf(self, [...words, ...typed]),
    env: Object.fromEntries(set.map(({ variable, value }) => [variable, value])),
  };
}

/**
 * A command of this Keyward as a program and its arguments. What its environment sets becomes flags, so that it finds the
 * same vault wherever it is started; secrets are left for the person to add.
 */
function programLine(self: Self, words: readonly string[]): Pick<Launch, 'command' | 'args'> {
  const { typed, set } = optionsOf(self);
  const flags = set.flatMap(({ flag, value }) => [flag, value]);
  return programOf(self, [...words, ...typed, ...flags]);
}

/** Options that say which vault it is, and which services it knows. */
const ofVault = [options.home, options.store, options.keyFile, options.connectorsDir];

/**
 * As {@link programLine}, for what stays in a file: with the options that lead to the same vault, and none of those that
 * allow something. What a person allowed once must not hold for every later start.
 */
export function lastingLine(self: Self, words: readonly string[]): Pick<Launch, 'command' | 'args'> {
  const env = Object.fromEntries(ofVault.map(({ variable }) => [variable, self.env[variable]]));
  const flags = ofVault.map((spec) => flagOf(spec));
  const typed = new Map([...self.options].filter(([flag]) => flags.includes(flag)));
  return programLine({ ...self, env, options: typed }, words);
}

/** A command of this Keyward for a terminal: {@link programLine} as every shell takes it. */
export function commandLine(self: Self, words: readonly string[]): string {
  const { command, args } = programLine(self, words);
  return [command, ...args].map(shellWord).join(' ');
}

/** Options that hold no secret: those that were typed, as words, and those of the environment. */
function optionsOf({ env, options: given }: Self) {
  const typed: string[] = [];
  const set: { readonly variable: string; readonly flag: string; readonly value: string }[] = [];
  for (const spec of Object.values(options)) {
    const flag = flagOf(spec);
    if (flag === undefined) continue;
    const [fromFlag, fromEnv] = [given.get(flag), env[spec.variable]];
    if (fromFlag) typed.push(flag, fromAnywhere(spec, fromFlag));
    else if (fromEnv && !spec.holdsSecret?.(fromEnv))
      set.push({ variable: spec.variable, flag, value: fromAnywhere(spec, fromEnv) });
  }
  return { typed, set };
}

function programOf({ execPath, script }: Self, words: readonly string[]) {
  // npx keeps packages in a cache that it may empty.
  const cached = /[\\/]_npx[\\/]/.test(script);
  return cached
    ? { command: 'npx', args: ['-y', packageName, ...words] }
    : { command: execPath, args: [script, ...words] };
}

/** A client starts Keyward in some other folder: a relative path has to become an absolute one. */
function fromAnywhere(spec: { readonly parse: (text: string) => unknown }, text: string): string {
  const value = spec.parse(text);
  return typeof value === 'string' ? value : text;
}

/** Client → where it goes → the text to paste, ready for a terminal. */
export function clientTexts(launch: Launch): readonly { readonly client: string; readonly text: string }[] {
  const { command, args, env } = launch;
  const server = { command, args, ...(Object.keys(env).length > 0 && { env }) };
  const run = [command, ...args].map(shellWord).join(' ');
  const pairs = Object.entries(env).map(([name, value]) => `-e ${shellWord(`${name}=${value}`)}`);
  return [
    {
      client: 'Claude Desktop (Settings, Developer, Edit Config), Cursor and most others',
      text: JSON.stringify({ mcpServers: { keyward: server } }, null, 2),
    },
    { client: 'Claude Code', text: ['claude mcp add --scope user keyward', ...pairs, '--', run].join(' ') },
    { client: 'VS Code', text: `code --add-mcp ${shellWord(JSON.stringify({ name: 'keyward', ...server }))}` },
    { client: 'MCP Inspector', text: ['npx @modelcontextprotocol/inspector', ...pairs, run].join(' ') },
  ];
}

/** The texts for a Keyward that is reached over HTTP; `TOKEN` stands for the bearer token. */
export function httpClientTexts(url: string): readonly { readonly client: string; readonly text: string }[] {
  const header = 'Authorization: Bearer TOKEN';
  const server = { name: 'keyward', type: 'http', url, headers: { Authorization: 'Bearer TOKEN' } };
  return [
    {
      client: 'Claude Code',
      text: `claude mcp add --scope user --transport http keyward ${url} --header ${shellWord(header)}`,
    },
    { client: 'VS Code', text: `code --add-mcp ${shellWord(JSON.stringify(server))}` },
    {
      client: 'MCP Inspector (with Node 22.19 or newer)',
      // Without a version npx takes an old one on older Nodes, which knows no headers.
      text: `npx @modelcontextprotocol/inspector@latest --cli ${url} --transport http --header ${shellWord(header)} --method tools/list`,
    },
  ];
}

/** An MCP server of a connection. */
type Served = { readonly name: string; readonly credentialId: string };

/** What starts each of these over stdio, a line under the name of each. */
export function serverLines(self: Self, servers: readonly Served[]): string[] {
  return servers.flatMap(({ name, credentialId }) => [
    `${plain(name)}:`,
    `  ${commandLine(self, ['mcp', credentialId])}`,
  ]);
}

/** How a client reaches the server of a connection at a Keyward over HTTP; `TOKEN` stands for the bearer token. */
export function proxyText(origin: string, connection: string): string {
  return `${origin}/proxy/${connection} with the header Authorization: Bearer TOKEN`;
}

/** One word of a shell command, quoted for sh when it needs it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
