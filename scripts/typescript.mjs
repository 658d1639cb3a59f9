/** `node --import ./scripts/typescript.mjs file.ts` runs TypeScript on every Node that Keyward supports (20 cannot). */
import module, { createRequire } from 'node:module';

const problem = problemHere();
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
module.register('./typescript-hooks.mjs', import.meta.url);

/** Why nothing of this repository can run yet, and the way out; undefined if it can. */
function problemHere() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    return `Keyward needs Node 20.19 or newer, and this is ${process.versions.node}: install a newer one from https://nodejs.org.`;
  }
  try {
    createRequire(import.meta.url).resolve('rolldown/utils');
  } catch {
    return 'The packages that build Keyward are not installed: run npm ci --include=dev.';
  }
}
