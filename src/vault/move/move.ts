/**
 * Copies a vault to another place, and proves that everything arrived. The copy is the same vault: it has the same data
 * keys, so boxes move as they are, the audit log still verifies, and no plaintext is written anywhere. Interrupted, it
 * is started again and goes on. Attempts, approvals, sign-in codes, replaced secrets and who is signed in stay
 * behind: they end soon, and belong to the address and the owner they were made for.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { KeywardError } from '../../errors.ts';
import { canonicalJson } from '../../seal/canonical.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { succeeding } from '../../seal/keys.ts';
import { isSetAside, open } from '../../seal/seal.ts';
import type { Change, Kind, KindRow, Store } from '../../store/store.ts';
import type { OnStep } from '../audit/audit-verify.ts';
import { contextOf } from '../seal-context.ts';

/** What can be copied: a store, or an archive. */
export type Source = Pick<Store, 'keyring' | 'keys' | 'scan' | 'readAudit'>;

export type Moved = { readonly records: Readonly<Partial<Record<Kind, number>>>; readonly auditLines: number };

const batch = 200;
/** What ends soon, and belongs to the place it was made in. */
export const passing: readonly Kind[] = [
  'attempt',
  'signInCode',
  'visit',
  'usedChallenge',
  'recentAssistant',
  'approval',
  'replacedSecret',
  'authorization',
];
/** What a backup does not bring back: it may have been ended since. */
export const notRestored: readonly Kind[] = [...passing, 'session', 'passkey', 'assistant'];

/**
 * Copies the audit log, then every record as `change` makes it, and compares both sides afterwards. `conflict` when the
 * target has gone its own way, `vault_damaged` when the comparison fails.
 *
 * @param target opened with the keys of the source
 * @param left kinds that stay behind
 * @param onStep is told how many lines and records were copied; their number is not known before the end
 */
export async function copyVault(
  source: Source,
  target: Store,
  change: (found: KindRow) => KindRow,
  left: readonly Kind[] = passing,
  onStep: OnStep = () => {},
): Promise<Moved> {
  await target.changeKeys((keys) => newerKeys(keys, source.keyring));
  let copied = 0;
  const step = () => {
    copied += 1;
    onStep(copied, 0);
  };
  const auditLines = await copyAudit(source, target, step);
  const digestKey = randomBytes(32);
  const sent = await copyRecords(source, target, { change, left, digest: digestOf(digestKey, source), step });
  const arrived = newTally();
  const digest = digestOf(digestKey, target);
  for await (const found of target.scan()) if (!left.includes(found.kind)) add(arrived, found, digest(found));
  if (JSON.stringify(summary(sent)) !== JSON.stringify(summary(arrived))) {
    throw new KeywardError('conflict', 'What is at the new place is not what was copied there.', {
      hint: 'The old place is as it was. Has somebody used the new one meanwhile? Empty it, then start again.',
    });
  }
  return { records: sent.counts, auditLines };
}

/** The keys of the source, which may have been rotated since an earlier run; those of the target must be among them. */
function newerKeys(target: Keyring, source: Keyring): Keyring {
  if (canonicalJson(target.header) === canonicalJson(source.header)) return target;
  const known = source.header.dataKeys;
  if (Object.keys(target.header.dataKeys).every((id) => id in known)) return succeeding(source, target.header);
  throw goneItsOwnWay('has data keys');
}

type Digest = (found: KindRow) => Buffer;

type Copying = {
  readonly change: (found: KindRow) => KindRow;
  readonly left: readonly Kind[];
  readonly digest: Digest;
  /** Is called for each record. */
  readonly step: () => void;
};

async function copyRecords(source: Source, target: Store, { change, left, digest, step }: Copying) {
  const sent = newTally();
  let changes: Change[] = [];
  for await (const original of source.scan()) {
    if (left.includes(original.kind)) continue;
    step();
    const found = change(original);
    add(sent, found, digest(found));
    const next = await arrival(target, found, digest);
    if (next !== undefined) changes.push(next);
    if (changes.length < batch) continue;
    await target.commit(changes);
    changes = [];
  }
  await target.commit(changes);
  return sent;
}

/** What is to be done about a record: nothing when it is there already. */
async function arrival(target: Store, found: KindRow, digest: Digest): Promise<Change | undefined> {
  const { kind, row } = found;
  const there = await target.get(kind, { tenant: row.tenant, user: row.owner }, row.id);
  if (there === undefined) return { op: 'insert', ...found };
  if (there.version < row.version) return { op: 'update', ...found, ifVersion: there.version } as Change;
  if (there.version === row.version && digest({ kind, row: there } as KindRow).equals(digest(found))) return undefined;
  throw goneItsOwnWay(`has another version of the ${kind} ${row.id}`);
}

/** Lines that are there already are the first ones of the source; whatever follows them there is newer. */
async function copyAudit(source: Source, target: Store, step: () => void): Promise<number> {
  const there = target.readAudit()[Symbol.asyncIterator]();
  let [count, exhausted] = [0, false];
  let lines: string[] = [];
  const flush = async () => {
    if (lines.length > 0) await target.appendAudit(lines);
    lines = [];
  };
  for await (const line of source.readAudit()) {
    count += 1;
    step();
    if (!exhausted) {
      const { value, done } = await there.next();
      exhausted = done === true;
      if (!exhausted && value !== line) throw goneItsOwnWay('has an audit log');
    }
    if (exhausted) lines.push(line);
    if (lines.length === batch) await flush();
  }
  await there.return?.();
  await flush();
  return count;
}

type Tally = { readonly counts: Partial<Record<Kind, number>>; readonly sum: Buffer };

function newTally(): Tally {
  return { counts: {}, sum: Buffer.alloc(32) };
}

/** The order of rows differs between stores: their digests are combined by exclusive or. */
function add({ counts, sum }: Tally, { kind }: KindRow, digest: Buffer): void {
  counts[kind] = (counts[kind] ?? 0) + 1;
  for (const [index, byte] of digest.entries()) sum[index] = (sum[index] ?? 0) ^ byte;
}

function summary({ counts, sum }: Tally): unknown {
  return [Object.entries(counts).sort(), sum.toString('hex')];
}

/** Of a row with its secret, which proves that the box opens; without the time of its last use, which changes silently. */
function digestOf(key: Buffer, vault: Pick<Store, 'keyring'>): Digest {
  return ({ kind, row }) => {
    const { sealed, ...rest } = row;
    // What was set aside as damaged moves as it is.
    const secret = isSetAside(sealed) ? sealed : open(vault.keyring, contextOf(kind, row, row.secretVersion), sealed);
    const told = canonicalJson({ ...rest, lastUsedAt: null });
    return createHmac('sha256', key).update(`${kind} ${told}\0`).update(secret).digest();
  };
}

function goneItsOwnWay(what: string): KeywardError {
  return new KeywardError('conflict', `The new place ${what} that the old one does not have.`, {
    hint: 'Somebody used it since. Nothing there was overwritten: name an empty place, or empty that one.',
  });
}
