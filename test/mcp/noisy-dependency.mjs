// biome-ignore-all lint/suspicious/noConsole: printing is what this file is for.
// Loaded into Keyward before anything else: behaves like a dependency that prints, in every way there is.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const untouched = console.log;
const data = join(process.env.KEYWARD_HOME ?? '', 'data');

const print = () => {
  // Keyward takes the console over before it loads a dependency; until then there is none that could print.
  if (console.log === untouched) return;
  console.log('noise by log');
  console.info('noise by info');
  console.table([{ noise: 'by table' }]);
  console.error('noise by error');
  // Straight to stdout from the moment on that Keyward serves, the opening of the vault included.
  if (!existsSync(data)) return;
  process.stdout.write('noise by write\n');
  process.stdout.write(Buffer.from('noise by buffer'), () => {});
};
setInterval(print, 1).unref();
