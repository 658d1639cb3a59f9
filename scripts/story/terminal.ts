/** The transcript of docs/terminal.md: what a person sees who types Keyward's own commands. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type Dialogue, runInTerminal } from '../../test/support/clients/command.ts';
import { freePort } from '../../test/support/clients/mcp-clients.ts';
import { startGitHub, token } from './github.ts';
import { settle } from './settle.ts';

/** Name of an answer → the lines on the screen, with what was typed after `$`. */
export async function typeCommands(): Promise<ReadonlyMap<string, string>> {
  const github = await startGitHub();
  const home = await mkdtemp(join(tmpdir(), 'keyward-terminal-'));
  const env = { ...github.env, KEYWARD_HOME: home, KEYWARD_KEY: 'ab'.repeat(32), KEYWARD_PORT: `${await freePort()}` };
  const type = async (line: string, args: readonly string[], dialogue: Dialogue = []) => {
    const { screen } = await runInTerminal(args, env, dialogue);
    return `$ keyward ${line}\n${visible(screen)}`;
  };
  const told = new Map<string, string>();
  const say = (name: string, ...parts: readonly string[]) => void told.set(name, settle(parts.join('\n')));
  try {
    say(
      'terminal-connect',
      await type(
        'connect github --no-browser',
        ['connect', 'github', '--no-browser'],
        [
          [/Which way\? \[1\] /, ''],
          [/token: /, token],
        ],
      ),
    );
    say('terminal-list', await type('list', ['list']));
    const path = '/repos/ann/garden/pulls?state=open';
    say('terminal-call', await type(`call github '${path}'`, ['call', 'github', path]));
    const limit = ['limit', 'github', '--methods', 'GET', '--paths', '/repos/**'];
    say(
      'terminal-limit',
      await type(`limit github --methods GET --paths '/repos/**'`, limit),
      await type('call github DELETE /repos/ann/garden', ['call', 'github', 'DELETE', '/repos/ann/garden']),
    );
    say('terminal-rm', await type('rm github', ['rm', 'github'], [[/\[y\/N\] /, 'y']]));
  } finally {
    await github.close();
    await rm(home, { recursive: true, force: true });
  }
  return told;
}

/** What stays on the screen: without the signs that move the cursor, and without what a line was before it was drawn anew. */
function visible(screen: string): string {
  return stripVTControlCharacters(screen).replace(/\r+\n/g, '\n').replace(/^.*\r/gm, '').trim();
}
