/** A Node that is too old to run Keyward, as desktop programs bring or find it. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { keywardMain } from '../support/clients/mcp-clients.ts';

const root = new URL('../../', import.meta.url);

/** Starts the built program as if Node had this version. */
function startOn(version: string) {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`;
  const args = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, keywardMain, '--version'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

it.each(['18.20.8', '20.18.3', '16.0.0'])('Node %s is told in one sentence which one is needed', (version) => {
  const { status, stdout, stderr } = startOn(version);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(new RegExp(`^Keyward needs Node 20\\.19 or newer, and this is Node ${version} at .+\\n$`));
});

it.each(['20.19.0', '22.0.0', '26.1.0'])('Node %s runs it', (version) => {
  expect(startOn(version)).toMatchObject({ status: 0, stderr: '' });
});

it('the first file imports nothing before it knows, and asks for what package.json asks for', async () => {
  const text = await readFile(keywardMain, 'utf8');
  expect(text).not.toMatch(/^import[^(]|;import[^(]|\bawait\b/m);
  const { engines } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
  expect(engines.node).toBe('>=20.19');
});
