/**
 * Changing the keys of a vault. Rotating the data key: a fresh one seals from then on, and every secret is sealed anew under it. Nothing has to stop for
 * that. The old keys stay with the vault, wrapped: a kill at any moment leaves every record readable, and the lines that
 * they vouch for in the audit log can still be verified.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type KeyHeader, keyAccess, rewrapped, withNewDataKey } from '../seal/key-header.ts';
import { keyIdOf } from '../seal/keyring.ts';
import { open, seal } from '../seal/seal.ts';
import { type KeySettings, sourceInWords } from '../seal/sources.ts';
import type { KindRow, Reseal, Store } from '../store/store.ts';
import { contextOf } from './seal-context.ts';

const batch = 200;
/** Longer than another process may go on with keys that it has read before. */
const settleMs = 1_500;

export type KeyUse = { readonly keyId: string; readonly current: boolean; readonly records: number };

/** Each data key of the vault, oldest first, and how many records it seals. */
export async function keyUse(store: Pick<Store, 'keyring' | 'scan'>): Promise<readonly KeyUse[]> {
  const counts = new Map<string, number>();
  for await (const { row } of store.scan()) counts.set(keyIdOf(row.sealed), (counts.get(keyIdOf(row.sealed)) ?? 0) + 1);
  const { currentKeyId, dataKeys } = store.keyring;
  return [...dataKeys.keys()].map((keyId) => ({
    keyId,
    current: keyId === currentKeyId,
    records: counts.get(keyId) ?? 0,
  }));
}

/**
 * Rotates the data key, or goes on with a rotation that was interrupted. When it resolves, every record is sealed under
 * the current key.
 */
export async function rotateDataKey(
  store: Store,
  settings: KeySettings,
): Promise<{ readonly resumed: boolean; readonly resealed: number }> {
  const resumed = (await keyUse(store)).some(({ current, records }) => !current && records > 0);
  if (!resumed) await store.changeKeys((keys) => withNewDataKey(keys, keyAccess(settings)));
  let resealed = await resealAll(store);
  for (let moved = -1; moved !== 0; resealed += moved) {
    await delay(settleMs);
    moved = await resealAll(store);
  }
  return { resumed, resealed };
}

/**
 * Puts another outer key around the data keys: what `next` configures, or a generated one. Nothing is sealed anew, and
 * processes that run go on; when they start again they need the new one.
 *
 * @param vaultFolder where a vault file is: a generated key file must not lie beside it
 */
export function rewrapDataKeys(
  store: Store,
  settings: KeySettings,
  next: KeySettings,
  vaultFolder: string | null,
): Promise<void> {
  return store.changeKeys((keys) => rewrapped(keys, keyAccess(settings), next, vaultFolder));
}

/** The keys of a vault as a passphrase opens them; the vault's own stay as they are. */
export function underPassphrase(
  { keys }: Pick<Store, 'keys'>,
  settings: KeySettings,
  passphrase: string,
): Promise<KeyHeader> {
  const { fallbackKeyFile } = settings;
  return rewrapped(keys, keyAccess(settings), { passphrase, fallbackKeyFile, keychain: false }, null);
}

/** Where the outer key comes from, for a person. */
export function outerKeyInWords(store: Pick<Store, 'keys'>, settings: KeySettings): string {
  return sourceInWords(store.keys.outer, settings);
}

/** Seals everything that another than the current key sealed; answers how many records that were. */
async function resealAll(store: Store): Promise<number> {
  await store.refreshKeys();
  let boxes: Reseal[] = [];
  let count = 0;
  const flush = async () => {
    if (boxes.length > 0) await store.reseal(boxes);
    count += boxes.length;
    boxes = [];
  };
  for await (const found of store.scan()) {
    if (keyIdOf(found.row.sealed) === store.keyring.currentKeyId) continue;
    boxes.push(resealed(store, found));
    if (boxes.length === batch) await flush();
  }
  await flush();
  return count;
}

function resealed({ keyring }: Store, { kind, row }: KindRow): Reseal {
  const context = contextOf(kind, row, row.secretVersion);
  const to = seal(keyring, context, open(keyring, context, row.sealed));
  return { kind, owner: { tenant: row.tenant, user: row.owner }, id: row.id, from: row.sealed, to };
}
