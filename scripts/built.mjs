/**
 * `node --import ./scripts/built.mjs dist/main.js` builds before it starts. `npm start` does so in one process, which
 * gets the signals that are sent; a script that npm runs before another would be left out under `ignore-scripts=true`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const scripts = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const args = ['--import', new URL('typescript.mjs', import.meta.url).href, scripts('build.ts')];
const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
if (status !== 0) process.exit(status ?? 1);
