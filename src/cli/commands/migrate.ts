/** `keyward migrate`: brings the tables up to date, for those who let Keyward itself change none. */
import { migrateStore } from '../../store/open.ts';
import type { Run } from '../command.ts';

export const migrate: Run = async ({ config }) => {
  const steps = await migrateStore(config.store);
  const none = config.store.kind === 'file' ? 'A vault in a file needs no migration.' : 'The tables are up to date.';
  process.stdout.write(steps.length === 0 ? `${none}\n` : `Done: ${steps.join(', ')}.\n`);
  return 0;
};
