/** A process that rotates the data key of a vault again and again: `node key-rotator.mjs <place> <key>`. */
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/store/open.ts';
import { rotateDataKey } from '../../../src/vault/key-change.ts';

const [place = '', key = ''] = process.argv.slice(2);
const settings = { key, fallbackKeyFile: '/nowhere/key', keychain: false };
const store = await openStore({
  store: place.startsWith('postgres:') ? { kind: 'postgres', url: place } : { kind: 'file', path: place },
  key: settings,
});
writeSync(1, 'ready\n');
for (;;) {
  const { resumed } = await rotateDataKey(store);
  writeSync(1, resumed ? 'finished\n' : 'rotated\n');
}
