/**
 * Changing the keys of a vault. Rotating the data key: a fresh one seals from then on, every secret is sealed anew under
 * it, and the one before is retired. Nothing has to stop for that, and a kill at any moment leaves every record readable:
 * the key that is left opens records until none is sealed under it. Retired, it opens nothing and vouches for no more than
 * the lines that the audit log has under it.
 */
import { hasCode } from '../errors.ts';
import type { KeyHeader } from '../seal/key-header.ts';
import { keyIdOf } from '../seal/keyring.ts';
import { keyAccess, rewrapped, withFreshKey, withRetired } from '../seal/keys.ts';
import { type KeySettings, outerKeyAdvice, sourceInWords } from '../seal/outer-key/sources.ts';
import { isSetAside, open, seal, setAside } from '../seal/seal.ts';
import type { Kind, KindRow, Reseal, Store } from '../store/store.ts';
import { auditEnds, isAuthenticLine, readLine } from './audit/audit-ends.ts';
import type { OnStep } from './audit/audit-verify.ts';
import { contextOf } from './seal-context.ts';

const batch = 200;
/** A rotation looks again for what the key that it leaves still seals, in case a process of before was in the middle of it. */
const mostRounds = 10;

type KeyUse = {
  readonly keyId: string;
  readonly state: 'seals' | 'opens' | 'audit';
  /** How many records it seals. */
  readonly records: number;
};

export type Rotated = {
  /** Whether this went on with a rotation that was interrupted. */
  readonly resumed: boolean;
  readonly resealed: number;
  /** Records that did not open. They are kept, and marked: nobody can use them as they are. */
  readonly damaged: readonly DamagedRecord[];
};

export type DamagedRecord = { readonly kind: Kind; readonly id: string };

/** Each data key of the vault, oldest first, with its state and how many records it seals; and the records set aside. */
export async function keyUse(
  store: Pick<Store, 'keyring' | 'scan'>,
): Promise<{ readonly keys: readonly KeyUse[]; readonly damaged: readonly DamagedRecord[] }> {
  const counts = new Map<string, number>();
  const damaged: DamagedRecord[] = [];
  for await (const { kind, row } of store.scan((record) => damaged.push(record))) {
    if (isSetAside(row.sealed)) damaged.push({ kind, id: row.id });
    else counts.set(keyIdOf(row.sealed), (counts.get(keyIdOf(row.sealed)) ?? 0) + 1);
  }
  const { dataKeys } = store.keyring.header;
  const keys = Object.entries(dataKeys).map(([keyId, { state }]) => ({
    keyId,
    state,
    records: counts.get(keyId) ?? 0,
  }));
  return { keys, damaged };
}

/**
 * Rotates the data key, or goes on with a rotation that was interrupted. When it resolves, every record is sealed under
 * the current key, but for those that did not open, and no other key opens anything.
 *
 * @param onDamaged is called with a record before it is set aside
 * @param onStep is told how many records were sealed anew; their number is not known before the end
 */
export async function rotateDataKey(store: Store, onDamaged: OnDamaged = ignored, onStep?: OnStep): Promise<Rotated> {
  await store.refreshKeys();
  const resumed = leftKeys(store).length > 0;
  if (!resumed) await store.changeKeys(withFreshKey);
  return { resumed, ...(await leaveOldKeys(store, onDamaged, onStep)) };
}

/**
 * Puts another outer key around the data keys: what `next` configures, or a generated one. With it comes a fresh data key,
 * because whoever knew the old outer key may know the one before: a process that runs with the old outer key can't follow.
 * `keepDataKey` leaves that out: nothing is sealed anew then, and processes that run go on.
 *
 * @param vaultFolder where a vault file is: a generated key file must not lie beside it
 */
export async function rewrapDataKeys(
  store: Store,
  next: KeySettings,
  vaultFolder: string | null,
  { keepDataKey = false, onDamaged = ignored }: { readonly keepDataKey?: boolean; readonly onDamaged?: OnDamaged } = {},
): Promise<Omit<Rotated, 'resumed'>> {
  const access = keyAccess(next);
  await store.changeKeys((keyring) => rewrapped(keyring, access, vaultFolder, { freshKey: !keepDataKey }));
  return keepDataKey ? { resealed: 0, damaged: [] } : leaveOldKeys(store, onDamaged);
}

/** The keys of a vault as a passphrase opens them; the vault's own stay as they are. */
export async function underPassphrase(
  { keyring }: Pick<Store, 'keyring'>,
  { fallbackKeyFile }: KeySettings,
  passphrase: string,
): Promise<KeyHeader> {
  const access = keyAccess({ passphrase, fallbackKeyFile, keychain: false });
  return (await rewrapped(keyring, access, null, { freshKey: false })).header;
}

/** Retires the keys that a rotation is leaving, if no record needs them any more: an old vault comes with such keys. */
export async function retireUnused(store: Store): Promise<void> {
  if (leftKeys(store).length === 0) return;
  const { keys } = await keyUse(store);
  await retire(
    store,
    keys.filter(({ state, records }) => state === 'opens' && records === 0).map(({ keyId }) => keyId),
  );
}

/** Why the outer key should be changed, for a person; undefined if it need not be. */
export function adviceOnKeys(store: Pick<Store, 'keys'>, settings: KeySettings): Promise<string | undefined> {
  return outerKeyAdvice(store.keys.outer, settings);
}

/** Where the outer key comes from, for a person; null stands for a vault that is yet to be made. */
export function outerKeyInWords(keys: Pick<KeyHeader, 'outer'> | null, settings: KeySettings): string {
  return sourceInWords(keys?.outer ?? null, settings);
}

type OnDamaged = (record: DamagedRecord) => Promise<void>;
const ignored: OnDamaged = async () => undefined;

/** The keys that a rotation is leaving. */
function leftKeys({ keyring }: Pick<Store, 'keyring'>): readonly string[] {
  return [...keyring.dataKeys.keys()].filter((keyId) => keyId !== keyring.currentKeyId);
}

async function leaveOldKeys(
  store: Store,
  onDamaged: OnDamaged,
  onStep: OnStep = () => {},
): Promise<Omit<Rotated, 'resumed'>> {
  const left = leftKeys(store);
  const damaged: DamagedRecord[] = [];
  let resealed = 0;
  for (let round = 0, moved = 1; moved > 0 && round < mostRounds; round += 1, resealed += moved) {
    const before = resealed;
    const aside: OnDamaged = async (record) => {
      if (damaged.some(({ kind, id }) => kind === record.kind && id === record.id)) return;
      await onDamaged(record);
      damaged.push(record);
    };
    moved = await resealAll(store, aside, (done) => onStep(before + done, 0));
  }
  await store.proveAnew();
  await retire(store, left);
  return { resealed, damaged };
}

/** A reader of the audit log sees what was there when the last line under these keys was written. */
async function retire(store: Store, keyIds: readonly string[]): Promise<void> {
  if (keyIds.length === 0) return;
  const ends = auditEnds();
  for await (const text of store.readAudit()) {
    const line = readLine(text);
    if (line !== undefined && isAuthenticLine(store.keyring, line)) ends.add(line);
  }
  await store.changeKeys((keyring) => withRetired(keyring, new Map(keyIds.map((keyId) => [keyId, ends.of(keyId)]))));
}

/** Seals everything that another than the current key sealed; answers how many records that were. */
async function resealAll(store: Store, onDamaged: OnDamaged, onStep: (done: number) => void): Promise<number> {
  let boxes: Reseal[] = [];
  let count = 0;
  const flush = async () => {
    if (boxes.length > 0) await store.reseal(boxes);
    count += boxes.length;
    onStep(count);
    boxes = [];
  };
  const forged: DamagedRecord[] = [];
  for await (const found of store.scan((record) => forged.push(record))) {
    const { sealed } = found.row;
    if (isSetAside(sealed) || keyIdOf(sealed) === store.keyring.currentKeyId) continue;
    boxes.push(resealed(store, found) ?? (await aside(store, found, onDamaged)));
    if (boxes.length === batch) await flush();
  }
  await flush();
  for (const record of forged) await onDamaged(record);
  return count;
}

/** Undefined when the box does not open. */
function resealed({ keyring }: Store, found: KindRow): Reseal | undefined {
  const { kind, row } = found;
  const context = contextOf(kind, row, row.secretVersion);
  try {
    return replacing(found, seal(keyring, context, open(keyring, context, row.sealed)));
  } catch (error) {
    if (hasCode(error, 'vault_damaged')) return undefined;
    throw error;
  }
}

async function aside(store: Store, found: KindRow, onDamaged: OnDamaged): Promise<Reseal> {
  const { kind, row } = found;
  await onDamaged({ kind, id: row.id });
  if (kind === 'credential') {
    const told = { status: 'reconnect_required', statusReason: 'Its secret was found damaged.' } as const;
    const marked = { ...row, ...told, version: row.version + 1, updatedAt: Date.now() };
    await store.commit([{ op: 'update', kind, row: marked, ifVersion: row.version }]).catch((error: unknown) => {
      // Somebody changes it right now, and may have brought a new secret.
      if (!hasCode(error, 'conflict')) throw error;
    });
  }
  return replacing(found, setAside(row.sealed));
}

function replacing({ kind, row }: KindRow, to: string): Reseal {
  return { kind, owner: { tenant: row.tenant, user: row.owner }, id: row.id, from: row.sealed, to };
}
