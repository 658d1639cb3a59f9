/**
 * The data keys of one vault, unwrapped. A record is sealed under a key derived from one of them; they themselves are
 * stored wrapped (sealed) under the outer key. During a rotation two open records, so that it can go on while records
 * are read. Of a retired key nothing is left but what verifies the audit log.
 */
import { randomBytes } from 'node:crypto';
import { KeywardError } from '../errors.ts';
import { box, keyBytes, unbox } from './box.ts';
import { derive } from './derive.ts';
import { type AuditEnd, authenticated, type DataKeyRecord, isAuthentic, type KeyHeader } from './key-header.ts';
import type { OuterKeyRecord } from './outer-key/sources.ts';

/** Unwrapped data keys by key id (16 lower-case hex digits). */
export type Keyring = {
  readonly vaultId: string;
  /** Everything new is sealed under this one. */
  readonly currentKeyId: string;
  /** What opens records: the current key, and during a rotation the one that is being left. */
  readonly dataKeys: ReadonlyMap<string, Uint8Array>;
  /** By key id: what verifies the lines that the audit log holds under it, and how many those are. */
  readonly retired: ReadonlyMap<string, { readonly auditKey: Uint8Array; readonly end: AuditEnd }>;
  /** The outer key, so that a later header of this vault needs no second look at where it comes from. */
  readonly outerKey: Uint8Array;
  /** The header that proved all this. */
  readonly header: KeyHeader;
};

/** What a keyring is made of, but for its header. */
export type KeyMaterial = Omit<Keyring, 'header'> & { readonly revision: number; readonly outer: OuterKeyRecord };

/** Length of a key id inside an envelope. */
export const keyIdBytes = 8;

/** The key id that a sealed value begins with, base64 as it is. */
export function keyIdOf(sealed: string): string {
  // 8 bytes are in the first 11 letters; 12 decode without padding.
  return Buffer.from(sealed.slice(0, 12), 'base64').toString('hex', 0, keyIdBytes);
}

/** A fresh data key under a fresh id. */
export function freshDataKey(): readonly [string, Uint8Array] {
  return [randomBytes(keyIdBytes).toString('hex'), new Uint8Array(randomBytes(keyBytes))];
}

/**
 * The data key of this id. `vault_damaged` if the vault has none that opens records: something was moved here from
 * another vault, or was sealed under a key that is retired.
 */
export function dataKey(keyring: Pick<Keyring, 'dataKeys'>, keyId: string): Uint8Array {
  const key = keyring.dataKeys.get(keyId);
  if (key === undefined)
    throw new KeywardError('vault_damaged', 'A sealed value names a data key that opens nothing in this vault.');
  return key;
}

/** The sub-key that lines of the audit log are authenticated under. */
export function auditSubKey(dataKeyBytes: Uint8Array, vaultId: string, keyId: string): Uint8Array {
  return derive(dataKeyBytes, ['audit', vaultId, keyId]);
}

/** The keyring with a header of its own: each key wrapped under the outer key, bound to its vault, its id and its use. */
export function keyringOf({ revision, outer, ...keys }: KeyMaterial): Keyring {
  const { vaultId, currentKeyId, outerKey } = keys;
  const wrapped = (use: Use, keyId: string, key: Uint8Array) =>
    box(wrappingKey(use, vaultId, keyId, outerKey), key).toString('base64');
  const retired = [...keys.retired].map(
    ([keyId, { auditKey, end }]) =>
      [keyId, { state: 'audit', wrapped: wrapped('wrap audit', keyId, auditKey), end }] as const,
  );
  const open = [...keys.dataKeys].map(
    ([keyId, key]) =>
      [keyId, { state: keyId === currentKeyId ? 'seals' : 'opens', wrapped: wrapped('wrap', keyId, key) }] as const,
  );
  const dataKeys: Readonly<Record<string, DataKeyRecord>> = Object.fromEntries([...retired, ...open]);
  return { ...keys, header: authenticated({ vaultId, revision, outer, dataKeys }, outerKey) };
}

/** Opens a header with its outer key. `vault_damaged` unless somebody who has that key made it. */
export function unwrapKeys(header: KeyHeader, outerKey: Uint8Array): Keyring {
  if (!isAuthentic(header, outerKey)) throw altered();
  const { vaultId } = header;
  const dataKeys = new Map<string, Uint8Array>();
  const retired = new Map<string, { auditKey: Uint8Array; end: AuditEnd }>();
  let currentKeyId = '';
  for (const [keyId, record] of Object.entries(header.dataKeys)) {
    if (record.state === 'seals') currentKeyId = keyId;
    if (record.state === 'audit') {
      retired.set(keyId, { auditKey: unwrap('wrap audit', vaultId, keyId, record.wrapped, outerKey), end: record.end });
    } else dataKeys.set(keyId, unwrap('wrap', vaultId, keyId, record.wrapped, outerKey));
  }
  return { vaultId, currentKeyId, dataKeys, retired, outerKey, header };
}

/** Opens one wrapped data key. `vault_damaged` when it does not open, although the outer key is the right one. */
export function unwrapDataKey(vaultId: string, keyId: string, wrapped: string, outerKey: Uint8Array): Uint8Array {
  return unwrap('wrap', vaultId, keyId, wrapped, outerKey);
}

type Use = 'wrap' | 'wrap audit';

function unwrap(use: Use, vaultId: string, keyId: string, wrapped: string, outerKey: Uint8Array): Uint8Array {
  const key = unbox(wrappingKey(use, vaultId, keyId, outerKey), Buffer.from(wrapped, 'base64'));
  if (key?.length !== keyBytes) throw altered();
  return key;
}

function wrappingKey(use: Use, vaultId: string, keyId: string, outerKey: Uint8Array): Uint8Array {
  return derive(outerKey, [use, vaultId, keyId]);
}

function altered(): KeywardError {
  return new KeywardError(
    'vault_damaged',
    "The vault's keys were altered, or come from somebody without its outer key.",
    {
      hint: 'Nothing was changed. Restore the vault from a backup.',
    },
  );
}
