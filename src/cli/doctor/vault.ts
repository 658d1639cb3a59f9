/** The outer key, the vault, and its audit log. */
import type { Config } from '../../config/config.ts';
import { toPublic } from '../../errors.ts';
import { describeVault } from '../../store/open.ts';
import type { Store } from '../../store/store.ts';
import { verifyAudit } from '../../vault/audit/audit-verify.ts';
import { adviceOnKeys } from '../../vault/key-change.ts';
import { packageName } from '../../version.ts';
import { keySource } from '../key-source.ts';
import { keySettings, openConfiguredStore } from '../keyward.ts';
import { count } from '../terminal/table.ts';
import { type Check, type Finding, ok, unknown, wrong } from './finding.ts';

/** As many lines are verified within a second or two. */
const mostLines = 50_000;

/** @param there whether there is a vault at all */
export function vaultCheck(config: Config, there: boolean): Check {
  return { name: 'vault', look: () => (there ? vaultFindings(config) : noVault(config)) };
}

async function noVault(config: Config): Promise<Finding[]> {
  const { store } = config;
  const place = store.kind === 'file' ? store.path : 'PostgreSQL';
  const text = `none at ${place} yet: it is made when a client starts Keyward for the first time`;
  return [ok('key', `the outer key: ${await keySource(config)}`), ok('vault', text)];
}

async function vaultFindings(config: Config): Promise<Finding[]> {
  const { store: place } = config;
  const source = await keySource(config).catch(() => 'not told by the vault');
  let store: Store;
  try {
    store = await openConfiguredStore(config);
  } catch (error) {
    return [unopened(config, source, error)];
  }
  try {
    const described = place.kind === 'file' ? await describeVault(place.path) : null;
    const format = described === null ? '' : `, format ${described.format}`;
    const advice = await adviceOnKeys(store, keySettings(config));
    return [
      ok('key', `the outer key: ${source}`),
      ...(advice === undefined ? [] : [wrong('key', advice, 'keyward key rewrap --new-passphrase')]),
      ok('vault', `${store.location} opens${format}`),
      ...(await auditFindings(store)),
    ];
  } finally {
    await store.close();
  }
}

function unopened({ store }: Config, source: string, error: unknown): Finding {
  const { code, message, hint = '' } = toPublic(error);
  if (['key_missing', 'key_wrong', 'config_invalid'].includes(code)) {
    return wrong('key', `the outer key: ${source}. ${message}`, hint);
  }
  const place = store.kind === 'file' ? store.path : 'PostgreSQL';
  const mends: Partial<Record<typeof code, string>> = {
    vault_newer: `npm install --global ${packageName}@latest`,
    vault_damaged: `Move ${place} away, then: keyward restore --from <your backup>`,
  };
  return wrong('vault', `${place} does not open: ${message}`, mends[code] ?? hint);
}

async function auditFindings(store: Store): Promise<Finding[]> {
  const name = 'audit log';
  const { lines: sealed } = await store.auditHead();
  if (sealed > mostLines) return [unknown(name, `${sealed} lines take a while to verify`, 'keyward audit verify')];
  const { ok: whole, lines, problems } = await verifyAudit(store);
  if (whole) return [ok(name, `${count(lines, 'line')}, as they were written`)];
  return [wrong(name, `was altered: ${count(problems.length, 'problem')}`, 'See each of them: keyward audit verify')];
}
