/**
 * `npm run test:fresh [-- --small] [-- --node 22] [-- NAME…]`: clones what is committed to places where a clone may stand,
 * and runs README's two commands there. `--small` makes two clones instead of twelve; `--node` runs them on another Node,
 * which npm fetches. What each prints is kept in artifacts/fresh/.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cannotMake, visit } from './clone.ts';
import { places, smallPlaces } from './places.ts';

const { values: flags, positionals: names } = parseArgs({
  options: { small: { type: 'boolean', default: false }, node: { type: 'string' } },
  allowPositionals: true,
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const logs = join(import.meta.dirname, '..', '..', 'artifacts', 'fresh');

const known = [...places, ...smallPlaces].map(({ name }) => name);
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`There is no place ${unknown.join(', ')}; there are ${known.join(', ')}.\n`);
  process.exit(1);
}
const set = flags.small ? smallPlaces : places;
const wanted = names.length === 0 ? set : [...places, ...smallPlaces].filter(({ name }) => names.includes(name));

const folder = await mkdtemp(join(tmpdir(), 'keyward-node-'));
let failed = 0;
try {
  const bin = flags.node === undefined ? undefined : fetchNode(flags.node, folder);
  await mkdir(logs, { recursive: true });
  for (const place of wanted) {
    const reason = cannotMake(place);
    if (reason !== undefined) {
      say(`not run  ${place.name}: ${reason}`);
      continue;
    }
    const [started, log] = [Date.now(), join(logs, `${place.name}.log`)];
    const passed = await visit(place, bin, log);
    say(`${passed ? 'passed ' : 'FAILED '}  ${place.name} in ${Math.round((Date.now() - started) / 1000)} s`);
    if (passed) continue;
    failed += 1;
    say((await readFile(log, 'utf8')).split('\n').slice(-80).join('\n'));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

/** Installs this version of Node below the folder, where every user can run it, and answers the folder of `node`. */
function fetchNode(version: string, below: string): string {
  const args = ['install', '--prefix', below, '--no-audit', '--no-fund', '--silent', '--ignore-scripts=false'];
  execFileSync('npm', [...args, `node@${version}`], { cwd: below, stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('chmod', ['-R', 'a+rX', below]);
  return join(below, 'node_modules', 'node', 'bin');
}
