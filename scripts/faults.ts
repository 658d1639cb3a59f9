/**
 * `npm run test:faults`: the fault tests; with `--full`, 1,000 random kills instead of 200. `--project faults` leaves out those
 * that measure time, which run with nothing beside them, and `--project faults-alone` all others.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const args = process.argv.slice(2);
const full = args.includes('--full');
const projects = args.includes('--project') ? [] : ['--project', 'faults', '--project', 'faults-alone'];
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', ...projects, ...args.filter((arg) => arg !== '--full')],
  { stdio: 'inherit', env: full ? { ...process.env, KEYWARD_FAULTS_FULL: '1' } : process.env },
);
process.exitCode = status ?? 1;
