/** What each client finds: a Keyward that nobody signed in to, its owner at a browser, and a transcript. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/clients/mcp-clients.ts';
import { startKeywardHttp } from '../../test/support/servers/keyward-http.ts';
import { startInternet } from './internet.ts';
import { createOwner } from './owner.ts';

export type Stage = {
  /** All that a client is told. */
  readonly url: string;
  /** Opens the link of a program in the owner's browser, lets it in, and answers where the browser is sent back to. */
  letIn(link: string): Promise<URL>;
  /** The environment of Keyward, for programs that it is started by. */
  readonly env: Readonly<Record<string, string>>;
  /** Where an MCP server may listen that Keyward may reach. */
  readonly serverPort: number;
  /** A session token of the person of this computer. */
  newToken(): Promise<string>;
  /** A home folder for a client. */
  home(name: string): Promise<string>;
  /** A line of the transcript; what is secret, or of this computer, is left out of it. */
  say(line: string): void;
  close(): Promise<void>;
};

export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-clients-'));
  const internet = await startInternet(folder);
  const serverPort = await freePort();
  const given = {
    HOME: folder,
    KEYWARD_HOME: join(folder, 'keyward'),
    KEYWARD_KEY: randomBytes(32).toString('base64'),
    KEYWARD_EGRESS_ALLOW: `127.0.0.1:${serverPort}`,
    KEYWARD_HOSTS_ALLOW: 'claude.ai,127.0.0.1',
    ...internet.env,
  };
  const keyward = await startKeywardHttp(given);
  const owner = createOwner(async () => (await keyward.cli('sign-in', '--user', 'ann')).trim());
  const say = (line: string) => {
    const shown = line
      .replaceAll(folder, '~')
      .replaceAll(keyward.origin, 'http://127.0.0.1:7355')
      .replace(/(\/oauth\/authorize)\?\S+/g, '$1?…')
      .replace(/\bkw[a-z]*_\S+/g, '…');
    process.stdout.write(`${shown}\n`);
  };
  return {
    url: `${keyward.origin}/mcp`,
    async letIn(link) {
      const { asked, back } = await owner.letIn(link);
      say(`  the page: ${asked.title} Vouched for by ${asked.vouchedFor} Goes back to ${asked.goesBackTo}.`);
      return back;
    },
    env: given,
    serverPort,
    newToken: () => keyward.sessionToken('local', { tenant: 'local' }),
    say,
    async home(name) {
      const home = join(folder, name);
      await mkdir(home);
      return home;
    },
    async close() {
      await keyward.stop();
      internet.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** Throws the words when the condition does not hold. */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
