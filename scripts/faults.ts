/** `npm run test:faults`: the fault tests; with `--full`, 1,000 random kills instead of 200. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const args = process.argv.slice(2);
const full = args.includes('--full');
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--project', 'faults', '--project', 'faults-alone', ...args.filter((arg) => arg !== '--full')],
  { stdio: 'inherit', env: full ? { ...process.env, KEYWARD_FAULTS_FULL: '1' } : process.env },
);
process.exitCode = status ?? 1;
