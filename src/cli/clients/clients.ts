/** The MCP clients that Keyward knows: where each keeps the servers that it starts, and in what form. */
import { stat } from 'node:fs/promises';
import { devNull, homedir } from 'node:os';
import path from 'node:path';

/** A computer, as far as it matters to where clients keep their files. */
export type System = {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  /** The person's home folder. */
  readonly home: string;
};

export type Client = {
  /** The word for it on the command line. */
  readonly id: string;
  readonly name: string;
  /** The folder that it makes: it is installed where this is. */
  readonly folder: (system: System) => string;
  /** The file with the servers of this person, for all of their projects. */
  readonly file: (system: System) => string;
  /** `json` with comments and trailing commas, or `toml`. */
  readonly format: 'json' | 'toml';
  /** Top-level name under which the servers stand, each under a name of its own. */
  readonly key: string;
  /** Whether an entry has to say how to reach the server: `"type": "stdio"`. */
  readonly typed?: true;
  /** What the person does next, so that it reads the file again. */
  readonly next: string;
};

/** A client that is on this computer. */
export type FoundClient = {
  readonly client: Client;
  readonly path: string;
};

/** The computer that this process runs on. */
export function thisSystem(): System {
  return { platform: process.platform, env: process.env, home: homeFolder() };
}

/** A user without a home has no client in it: nothing is ever below this device. */
function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return devNull;
  }
}

function join({ platform }: System, ...parts: readonly string[]): string {
  return (platform === 'win32' ? path.win32 : path.posix).join(...parts);
}

/** A folder that a variable names; a relative one would depend on where the client was started. */
function named({ platform, env }: System, variable: string): string | undefined {
  const value = env[variable];
  const absolute = platform === 'win32' ? path.win32.isAbsolute : path.posix.isAbsolute;
  return value !== undefined && absolute(value) ? value : undefined;
}

/** $XDG_CONFIG_HOME, else ~/.config (https://specifications.freedesktop.org/basedir-spec/latest/). */
function xdgConfig(system: System): string {
  return named(system, 'XDG_CONFIG_HOME') ?? join(system, system.home, '.config');
}

/** %APPDATA%, which Windows sets for every user. */
function appData(system: System): string {
  return named(system, 'APPDATA') ?? join(system, system.home, 'AppData', 'Roaming');
}

/** Electron's `appData`, below which its programs keep their files (https://www.electronjs.org/docs/latest/api/app). */
function electronData(system: System): string {
  if (system.platform === 'darwin') return join(system, system.home, 'Library', 'Application Support');
  return system.platform === 'win32' ? appData(system) : xdgConfig(system);
}

const claudeDesktop = (system: System) => join(system, electronData(system), 'Claude');
const vsCode = (system: System) => join(system, electronData(system), 'Code', 'User');
const cursor = (system: System) => join(system, system.home, '.cursor');
const windsurf = (system: System) => join(system, system.home, '.codeium', 'windsurf');
const codex = (system: System) => named(system, 'CODEX_HOME') ?? join(system, system.home, '.codex');
const gemini = (system: System) => join(system, named(system, 'GEMINI_CLI_HOME') ?? system.home, '.gemini');

function claudeCode(system: System): string {
  return named(system, 'CLAUDE_CONFIG_DIR') ?? join(system, system.home, '.claude');
}

function zed(system: System): string {
  if (system.platform === 'win32') return join(system, appData(system), 'Zed');
  const config = system.platform === 'darwin' ? join(system, system.home, '.config') : xdgConfig(system);
  return join(system, config, 'zed');
}

/** Every client, in the order in which they are shown. */
export const clients: readonly Client[] = [
  {
    // macOS and Windows: https://modelcontextprotocol.io/docs/develop/connect-local-servers. Linux, which that page leaves
    // out: the folder that Anthropic's own package uses (https://github.com/aaddrick/claude-desktop-debian).
    id: 'claude-desktop',
    name: 'Claude Desktop',
    folder: claudeDesktop,
    file: (system) => join(system, claudeDesktop(system), 'claude_desktop_config.json'),
    format: 'json',
    key: 'mcpServers',
    next: 'Quit Claude Desktop completely and start it again.',
  },
  {
    // User scope: https://code.claude.com/docs/en/mcp and https://code.claude.com/docs/en/settings; CLAUDE_CONFIG_DIR:
    // https://code.claude.com/docs/en/claude-directory.
    id: 'claude-code',
    name: 'Claude Code',
    folder: claudeCode,
    file: (system) => join(system, named(system, 'CLAUDE_CONFIG_DIR') ?? system.home, '.claude.json'),
    format: 'json',
    key: 'mcpServers',
    typed: true,
    next: 'Start a new session of Claude Code; /mcp shows its servers.',
  },
  {
    // https://cursor.com/docs/mcp
    id: 'cursor',
    name: 'Cursor',
    folder: cursor,
    file: (system) => join(system, cursor(system), 'mcp.json'),
    format: 'json',
    key: 'mcpServers',
    next: 'Start Cursor again.',
  },
  {
    // The form: https://code.visualstudio.com/docs/copilot/reference/mcp-configuration; the folder of the default profile:
    // https://code.visualstudio.com/docs/configure/settings#_settings-file-locations.
    id: 'vscode',
    name: 'VS Code',
    folder: vsCode,
    file: (system) => join(system, vsCode(system), 'mcp.json'),
    format: 'json',
    key: 'servers',
    typed: true,
    next: 'Run MCP: List Servers from the Command Palette of VS Code, and start keyward there.',
  },
  {
    // https://docs.windsurf.com/windsurf/cascade/mcp
    id: 'windsurf',
    name: 'Windsurf',
    folder: windsurf,
    file: (system) => join(system, windsurf(system), 'mcp_config.json'),
    format: 'json',
    key: 'mcpServers',
    next: 'Press the refresh button in the MCP settings of Windsurf.',
  },
  {
    // https://developers.openai.com/codex/mcp; CODEX_HOME: https://developers.openai.com/codex/config-reference.
    id: 'codex',
    name: 'Codex CLI',
    folder: codex,
    file: (system) => join(system, codex(system), 'config.toml'),
    format: 'toml',
    key: 'mcp_servers',
    next: 'Start Codex again; /mcp shows its servers.',
  },
  {
    // https://geminicli.com/docs/reference/configuration, which documents GEMINI_CLI_HOME, too.
    id: 'gemini',
    name: 'Gemini CLI',
    folder: gemini,
    file: (system) => join(system, gemini(system), 'settings.json'),
    format: 'json',
    key: 'mcpServers',
    next: 'Start Gemini CLI again; /mcp shows its servers.',
  },
  {
    // The form: https://zed.dev/docs/ai/mcp; the file: https://zed.dev/docs/configuring-zed. Windows, which that page leaves
    // out: https://github.com/zed-industries/zed/blob/main/crates/paths/src/paths.rs.
    id: 'zed',
    name: 'Zed',
    folder: zed,
    file: (system) => join(system, zed(system), 'settings.json'),
    format: 'json',
    key: 'context_servers',
    next: 'Zed reads the file by itself; the Agent Panel’s settings show its servers.',
  },
];

/** The clients that are on this computer: their file is there, or the folder that they make. */
export async function clientFiles(system: System): Promise<readonly FoundClient[]> {
  const found = await Promise.all(
    clients.map(async (client) => {
      const file = client.file(system);
      const there = (await isThere(file)) || (await isThere(client.folder(system)));
      return there ? [{ client, path: file }] : [];
    }),
  );
  return found.flat();
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
