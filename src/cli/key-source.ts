/** Where the outer key of the configured vault comes from. */
import type { Config } from '../config/config.ts';
import { describeVault } from '../store/open.ts';
import { outerKeyInWords } from '../vault/key-change.ts';
import { keySettings } from './keyward.ts';

/**
 * In words, for a person: the vault's own record tells it, without being opened. One in PostgreSQL is not asked, since
 * opening it would make its tables: it has the key that is configured.
 */
export async function keySource(config: Config): Promise<string> {
  const settings = keySettings(config);
  if (config.store.kind === 'file') return outerKeyInWords(await describeVault(config.store.path), settings);
  const given = Object.keys(config.key).length > 0;
  return outerKeyInWords(given ? null : { outer: { source: 'key', fingerprint: '' } }, settings);
}
