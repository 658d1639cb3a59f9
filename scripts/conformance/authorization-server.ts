/**
 * The scenarios of the official MCP conformance suite for authorization servers, with Keyward as the one, beside the others of
 * `npm run test:conformance`. The suite prints the link that it wants opened; a person lets it in.
 */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOwner } from '../clients/owner.ts';
import { type Check, suiteCommand } from './suite.ts';

/** A Keyward to test: where it is, and how a person gets a code to sign in with. */
type Server = { readonly origin: string; readonly newCode: () => Promise<string> };

/**
 * Runs all of them at once, because one goes on with what another read, and answers the checks of each.
 *
 * @param folder an empty one for what the suite writes
 * @param port a free one, where the suite waits for the person
 */
export async function runAuthorizationServer(
  { origin, newCode }: Server,
  folder: string,
  port: number,
): Promise<ReadonlyMap<string, readonly Check[]>> {
  const registered = await fetch(`${origin}/oauth/register`, {
    method: 'POST',
    body: JSON.stringify({ client_name: 'Suite', redirect_uris: [`http://127.0.0.1:${port}/callback`] }),
    headers: { 'content-type': 'application/json' },
  });
  const { client_id: clientId } = (await registered.json()) as { readonly client_id: string };
  const about = ['--url', origin, '--client-id', clientId, '--resource', `${origin}/mcp`];
  const [program, file] = suiteCommand;
  const child = spawn(program, [file, 'authorization', ...about, '--port', `${port}`, '-o', folder]);
  const owner = createOwner(newCode);
  const visits: Promise<unknown>[] = [];
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      const link = /(http:\/\/\S+\/oauth\/authorize\?\S+)\s/.exec(text)?.[1];
      if (link === undefined || visits.length > 0) return;
      visits.push(owner.letIn(link).then(({ back }) => fetch(back)));
    });
  }
  await new Promise((resolve) => child.once('close', resolve));
  await Promise.all(visits);
  const results = new Map<string, readonly Check[]>();
  for (const name of await readdir(folder)) {
    const checks = JSON.parse(await readFile(join(folder, name, 'checks.json'), 'utf8')) as Check[];
    results.set(name.replace(/-\d{4}-\d{2}-\d{2}T.*$/, ''), checks);
  }
  if (results.size === 0) throw new Error(`No scenario of an authorization server ran:\n${text}`);
  return results;
}
