/** The MCP clients on this computer: whether the Keyward that they name starts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { basename, isAbsolute } from 'node:path';
import { createInterface } from 'node:readline';
import { parseJson } from '../../json.ts';
import { version } from '../../version.ts';
import { clientFiles, type FoundClient } from '../clients/clients.ts';
import { readConfig } from '../clients/config-file.ts';
import { readServers, type Server } from '../clients/servers.ts';
import { type Check, type Finding, failed, ok, unknown, wrong } from './finding.ts';

/** Clients give up on a server at some time; npx may have to fetch it first. */
const startWithinMs = 20_000;
const name = 'MCP client';

/** @param there whether there is a vault: the first start would make one, which is not the doctor's to do */
export function clientCheck(env: NodeJS.ProcessEnv, there: boolean): Check {
  return {
    name,
    async look() {
      const home = env.HOME || homedir();
      const found = await clientFiles({ platform: process.platform, env, home });
      if (found.length === 0) return [unknown(name, 'none that Keyward knows is on this computer')];
      const looks = found.map((one) =>
        clientFinding(one, { env, home, there }).catch((error: unknown) => failed(name, error)),
      );
      return Promise.all(looks);
    },
  };
}

/** The variables of this shell, the person's home folder, and whether there is a vault. */
type Around = { readonly env: NodeJS.ProcessEnv; readonly home: string; readonly there: boolean };

async function clientFinding(found: FoundClient, { env, home, there }: Around): Promise<Finding> {
  const { client, path } = found;
  const server = (await readServers(await readConfig(found))).get('keyward');
  const mend = `keyward setup ${client.id}`;
  if (server === undefined) return ok(name, `${client.name} does not start Keyward; ${mend} makes it`);
  const { command } = server;
  if (command === undefined) return unknown(name, `${client.name} reaches Keyward at an address, which was not tried`);
  if (JSON.stringify(server.entry).includes('${')) {
    return unknown(
      name,
      `${client.name}: what ${path} says of keyward holds placeholders that only the client fills in`,
    );
  }
  if (isRelative(command)) {
    return wrong(name, `${client.name}: ${path} names a program that depends on the folder it is started in`, mend);
  }
  if (!there) return unknown(name, `${client.name} was not tried, since the first start makes the vault`);
  const problem = await whyItDoesNotStart({ ...server, command }, env, home);
  if (problem === null) return ok(name, `${client.name}: the Keyward that ${path} names starts`);
  return wrong(name, `${client.name}: the Keyward that ${path} names ${problem}`, mend);
}

/** A path that would lead to whatever the current folder holds; a bare name is looked up in PATH. */
function isRelative(command: string): boolean {
  return basename(command) !== command && !isAbsolute(command);
}

/**
 * Starts it as the client would: with the variables that the file sets, and none of Keyward's from this shell. It starts in
 * the home folder, since npx prefers what the current one holds to what the file means. Null when it answers the first
 * request (MCP 2025-11-25, Lifecycle). What else it says may hold anything, and is not passed on.
 */
async function whyItDoesNotStart(
  { command, args = [], env: own }: Server & { readonly command: string },
  around: NodeJS.ProcessEnv,
  cwd: string,
): Promise<string | null> {
  const env = Object.fromEntries(Object.entries(around).filter(([variable]) => !variable.startsWith('KEYWARD_')));
  const child = spawn(command, args, {
    cwd,
    detached: ownGroup,
    env: { ...env, ...own },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let late: NodeJS.Timeout | undefined;
  const problem = await new Promise<string | null>((resolve) => {
    late = setTimeout(resolve, startWithinMs, `did not answer within ${startWithinMs / 1_000} seconds`);
    child.once('error', ({ code }: NodeJS.ErrnoException) => resolve(`can not be started: ${command} (${code})`));
    child.once('exit', (code, signal) => resolve(`ended with ${code ?? signal} before it answered`));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (isAnswer(line)) resolve(null);
    });
    child.stdin.on('error', () => {});
    child.stdin.write(`${JSON.stringify(initialize)}\n`);
  });
  clearTimeout(late);
  // At the end of its input a server ends by itself; one that does not is ended.
  child.stdin.end();
  await ended(child, 2_000);
  endGroup(child);
  child.stdout.destroy();
  return problem;
}

/** Elsewhere than on Windows, it and what it starts are a group of processes. */
const ownGroup = process.platform !== 'win32';

/** Waits for the end of a process, but no longer than this. */
async function ended(child: ChildProcess, ms: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<unknown>((resolve) => {
    const late = setTimeout(resolve, ms);
    child.once('exit', () => resolve(clearTimeout(late)));
  });
}

/** Ends a process with all that it started. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (!ownGroup) {
    child.kill('SIGKILL');
    return;
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'keyward doctor', version } },
};

function isAnswer(line: string): boolean {
  try {
    const { id, result } = Object(parseJson(line)) as { readonly id?: unknown; readonly result?: unknown };
    return id === initialize.id && typeof result === 'object' && result !== null;
  } catch {
    return false;
  }
}
