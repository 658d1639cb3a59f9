/** The MCP clients on this computer: whether the Keyward that they name starts. */
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
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
      const found = await clientFiles({ platform: process.platform, env, home: env.HOME || homedir() });
      if (found.length === 0) return [unknown(name, 'none that Keyward knows is on this computer')];
      const looks = found.map((one) => clientFinding(one, env, there).catch((error: unknown) => failed(name, error)));
      return Promise.all(looks);
    },
  };
}

async function clientFinding(found: FoundClient, env: NodeJS.ProcessEnv, there: boolean): Promise<Finding> {
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
  if (!there) return unknown(name, `${client.name} was not tried, since the first start makes the vault`);
  const problem = await whyItDoesNotStart({ ...server, command }, env);
  if (problem === null) return ok(name, `${client.name}: the Keyward that ${path} names starts`);
  return wrong(name, `${client.name}: the Keyward that ${path} names ${problem}`, mend);
}

/**
 * Starts it as the client would: with the variables that the file sets, and none of Keyward's from this shell. Null when it
 * answers the first request (MCP 2025-11-25, Lifecycle). What else it says may hold anything, and is not passed on.
 */
function whyItDoesNotStart(
  { command, args = [], env: own }: Server & { readonly command: string },
  around: NodeJS.ProcessEnv,
): Promise<string | null> {
  const env = Object.fromEntries(Object.entries(around).filter(([variable]) => !variable.startsWith('KEYWARD_')));
  const child = spawn(command, args, { env: { ...env, ...own }, stdio: ['pipe', 'pipe', 'ignore'] });
  return new Promise<string | null>((resolve) => {
    const late = setTimeout(resolve, startWithinMs, `did not answer within ${startWithinMs / 1_000} seconds`);
    child.once('error', ({ code }: NodeJS.ErrnoException) => resolve(`can not be started: ${command} (${code})`));
    child.once('exit', (code, signal) => resolve(`ended with ${code ?? signal} before it answered`));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (isAnswer(line)) resolve(null);
    });
    child.stdin.on('error', () => {});
    child.stdin.write(`${JSON.stringify(initialize)}\n`);
    child.once('close', () => clearTimeout(late));
  }).finally(() => {
    // At the end of its input a server ends by itself; one that does not is ended.
    child.stdin.end();
    const kill = setTimeout(() => child.kill('SIGKILL'), 2_000);
    child.once('close', () => clearTimeout(kill));
  });
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
