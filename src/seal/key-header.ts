/**
 * What a store keeps of its keys: each data key with its state, wrapped, and where the outer key that unwraps them comes
 * from. It is the same in a file, in PostgreSQL and in a backup, so that a vault keeps its identity wherever it moves.
 *
 * The header is authenticated under a key derived from the outer key. Whoever has nothing but a data key, or an outer key
 * that was left behind, can't set a state back: which key seals is never vouched for by that key itself.
 */
import { timingSafeEqual } from 'node:crypto';
import { canonicalJson } from './canonical.ts';
import { derive } from './derive.ts';
import type { OuterKeyRecord } from './outer-key/sources.ts';

/**
 * - `seals`: seals everything new, and opens. There is one.
 * - `opens`: a rotation is leaving it; it opens what has not been sealed anew yet.
 * - `audit`: retired. What is wrapped is its audit sub-key, and no more than `end` says was written under it.
 */
export type DataKeyRecord =
  | { readonly state: 'seals' | 'opens'; readonly wrapped: string }
  | { readonly state: 'audit'; readonly wrapped: string; readonly end: AuditEnd };

/** What the audit log holds under a retired key: how many lines, and the SHA-256 (hex) over their MACs in their order. */
export type AuditEnd = { readonly lines: number; readonly digest: string };

export type KeyHeader = {
  readonly vaultId: string;
  /** Grows by one with every change of the header. A process that has seen one takes no lower one. */
  readonly revision: number;
  /** Where the outer key comes from. */
  readonly outer: OuterKeyRecord;
  /** By key id, oldest first. */
  readonly dataKeys: Readonly<Record<string, DataKeyRecord>>;
  /** MAC (hex) over every other field of the header, under a key derived from the outer key. */
  readonly mac: string;
};

/** The header of Keyward's first format: keys without states, which nothing vouched for. */
export type FirstKeyHeader = {
  readonly vaultId: string;
  readonly outer: OuterKeyRecord;
  readonly dataKeys: Readonly<Record<string, string>>;
  readonly currentKeyId: string;
};

/** The header with its MAC. */
export function authenticated(header: Omit<KeyHeader, 'mac'>, outerKey: Uint8Array): KeyHeader {
  return { ...header, mac: macOf(header, outerKey).toString('hex') };
}

/** Whether somebody with this outer key made the header, as it is. */
export function isAuthentic({ mac, ...header }: KeyHeader, outerKey: Uint8Array): boolean {
  const given = Buffer.from(mac, 'hex');
  const made = macOf(header, outerKey);
  return given.length === made.length && timingSafeEqual(given, made);
}

/** Keyed BLAKE2b over the canonical text. */
function macOf(header: Omit<KeyHeader, 'mac'>, outerKey: Uint8Array): Buffer {
  const key = derive(outerKey, ['header', header.vaultId]);
  return Buffer.from(derive(key, [canonicalJson(header)]));
}

/** True for what has the form of one. By hand: every start pays for this, and a schema library takes 4 ms to get going. */
export function isKeyHeader(value: unknown): value is KeyHeader {
  const { vaultId, revision, outer, dataKeys, mac } = Object(value) as Record<string, unknown>;
  if (!isText(vaultId) || !Number.isSafeInteger(revision) || !isOuterKeyRecord(outer) || !isText(mac)) return false;
  const records = isRecord(dataKeys) ? Object.values(dataKeys) : [];
  return records.every(isDataKeyRecord) && records.filter(({ state }) => state === 'seals').length === 1;
}

/** True for what has the form of a header of the first format. */
export function isFirstKeyHeader(value: unknown): value is FirstKeyHeader {
  const { vaultId, outer, dataKeys, currentKeyId } = Object(value) as Record<string, unknown>;
  return (
    isText(vaultId) &&
    isText(currentKeyId) &&
    isRecord(dataKeys) &&
    Object.values(dataKeys).every(isText) &&
    isOuterKeyRecord(outer)
  );
}

function isDataKeyRecord(value: unknown): value is DataKeyRecord {
  const { state, wrapped, end } = Object(value) as Record<string, unknown>;
  if (!isText(wrapped)) return false;
  if (state !== 'audit') return state === 'seals' || state === 'opens';
  const { lines, digest } = Object(end) as Record<string, unknown>;
  return Number.isSafeInteger(lines) && isText(digest);
}

function isOuterKeyRecord(value: unknown): value is OuterKeyRecord {
  const { source, fingerprint, salt, memoryBytes, passes } = Object(value) as Record<string, unknown>;
  if (!isText(fingerprint)) return false;
  return source === 'passphrase' || source === 'key and passphrase'
    ? isText(salt) && Number.isSafeInteger(memoryBytes) && Number.isSafeInteger(passes)
    : ['key', 'keychain', 'file'].includes(String(source));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
