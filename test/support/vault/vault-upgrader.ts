/**
 * A process that brings a vault of the first format up to date, and rotates its key, once it is told to:
 * `node vault-upgrader.mjs <place> <key>`. Says `ready`, and after a line on stdin how far it is.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { openStore } from '../../../src/store/open.ts';
import { retireUnused, rotateDataKey } from '../../../src/vault/key-change.ts';

const [place = '', key = ''] = process.argv.slice(2);
writeSync(1, 'ready\n');
await once(process.stdin, 'data');
const store = await openStore({
  store: place.startsWith('postgres:') ? { kind: 'postgres', url: place } : { kind: 'file', path: place },
  key: { key, fallbackKeyFile: '/nowhere/key', keychain: false },
});
writeSync(1, 'opened\n');
await retireUnused(store);
writeSync(1, 'retired\n');
await rotateDataKey(store);
writeSync(1, 'rotated\n');
process.stdin.destroy();
await store.close();
