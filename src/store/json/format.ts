/**
 * The vault file, format 2. It is JSON, laid out in lines so that it reads fast:
 *
 *     {"keyward":2,"generation":7,"keys":{…},"rows":[
 *     "<sealed row>",
 *     "<sealed row>"
 *     ],"mac":"<64 hex digits>"}
 *
 * The MAC (HMAC-SHA256 under a key derived from the data key that seals) covers every byte before its own digits; which
 * key that is, `keys` says, which carries a MAC of its own under the outer key. Every format, this one and all to come,
 * begins with `{"keyward":<format>,`. Format 1, which is read once and brought up to date, had the fields of its keys in
 * the place of `keys`, without states and without that MAC.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KeywardError } from '../../errors.ts';
import { type FirstKeyHeader, isFirstKeyHeader, isKeyHeader, type KeyHeader } from '../../seal/key-header.ts';
import type { Keyring } from '../../seal/keyring.ts';
import { deriveKey } from '../../seal/seal.ts';
import type { LogHead } from './log-head.ts';

const format = 2;

/** The first line of the file, without the rows that it opens. */
export type Header = {
  readonly keyward: typeof format;
  /** Grows by one with every commit. */
  readonly generation: number;
  readonly keys: KeyHeader;
  /** How far the audit log went; absent until the first commit that saw one. */
  readonly audit?: LogHead;
};

/** The first line of a file of format 1. */
type FirstHeader = FirstKeyHeader & { readonly keyward: 1; readonly generation: number };

/** The content of the file: rows are sealed, ordered by creation time and id. */
export type VaultFile = { readonly header: Header; readonly rows: readonly string[] };

/** What the file says, before anything proves it. `check` it with the keyring that the header leads to. */
type Unproven = {
  readonly header: Header | FirstHeader;
  readonly rows: readonly string[];
  readonly mac: Buffer;
  readonly covered: Buffer;
};

const headClosing = ',"rows":[\n';
const macOpening = '],"mac":"';
const macClosing = '"}\n';
const macDigits = 64;

/** The first header of a new vault. */
export function newHeader(keys: KeyHeader): Header {
  return { keyward: format, generation: 1, keys };
}

/** Rows that are laid out and authenticated at a time: about a millisecond of work. */
const rowsAtOnce = 500;

/**
 * The bytes of the file, and the MAC in them. They are laid into `buffer` when they fit: touching fresh memory costs
 * more than everything else here. Of a long file a piece at a time: between two of them others have their turn.
 */
export async function encodeVault(
  { header, rows }: VaultFile,
  keyring: Keyring,
  buffer: Buffer = Buffer.alloc(0),
): Promise<{ readonly bytes: Buffer; readonly mac: Buffer; readonly buffer: Buffer }> {
  const head = Buffer.from(`${JSON.stringify(header).slice(0, -1)}${headClosing}`);
  const rowBytes = rows.reduce((sum, row) => sum + row.length + '"",\n'.length, 0);
  const size = head.length + rowBytes + macOpening.length + macDigits + macClosing.length;
  const bytes = size <= buffer.length ? buffer : Buffer.allocUnsafe(Math.ceil(size * 1.25));
  const hmac = createHmac('sha256', deriveKey(keyring, 'file'));
  let end = head.copy(bytes);
  hmac.update(bytes.subarray(0, end));
  for (let first = 0; first < rows.length; first += rowsAtOnce) {
    if (first > 0) await nextTurn();
    const from = end;
    for (let at = first; at < Math.min(first + rowsAtOnce, rows.length); at += 1) {
      const row = rows[at] ?? '';
      end += bytes.write('"', end, 'latin1');
      end += bytes.write(row, end, 'latin1');
      end += bytes.write(at === rows.length - 1 ? '"\n' : '",\n', end, 'latin1');
    }
    hmac.update(bytes.subarray(from, end));
  }
  const macAt = end;
  end += bytes.write(macOpening, end, 'latin1');
  const mac = hmac.update(bytes.subarray(macAt, end)).digest();
  end += bytes.write(mac.toString('hex') + macClosing, end, 'latin1');
  return { bytes: bytes.subarray(0, end), mac, buffer: bytes };
}

/** `vault_newer` for a later format, `vault_damaged` for what is no vault. */
function refuseNewer(bytes: Buffer): void {
  const version = /^\{"keyward":(\d{1,9}),/.exec(bytes.toString('latin1', 0, 32))?.[1];
  if (version === undefined) throw damaged('does not begin like one');
  if (Number(version) > format) {
    throw new KeywardError('vault_newer', `The vault has format ${version}; this Keyward knows up to ${format}.`, {
      hint: 'Update Keyward.',
    });
  }
}

/** The header of a file, which nothing proves. `vault_newer` for a later format, `vault_damaged` for what is none. */
export function readHeader(bytes: Buffer): Header | FirstHeader {
  refuseNewer(bytes);
  return parseHeader(bytes.toString('utf8', 0, bytes.indexOf('\n') + 1));
}

/** Takes the file apart. `vault_newer` for a later format, `vault_damaged` for anything that is not whole. */
export function decodeVault(bytes: Buffer): Unproven {
  refuseNewer(bytes);
  const macStart = bytes.length - macDigits - macClosing.length;
  const rowsEnd = macStart - macOpening.length;
  const headEnd = bytes.indexOf('\n') + 1;
  const tail = bytes.toString('latin1', Math.max(rowsEnd, 0));
  const digits = /^\],"mac":"([0-9a-f]{64})"\}\n$/.exec(tail)?.[1];
  if (digits === undefined || headEnd > rowsEnd) throw damaged('is cut short');
  return {
    header: parseHeader(bytes.toString('utf8', 0, headEnd)),
    rows: parseRows(bytes.toString('latin1', headEnd, rowsEnd)),
    mac: Buffer.from(digits, 'hex'),
    covered: bytes.subarray(0, macStart),
  };
}

/** `vault_damaged` unless the bytes are what somebody with the data key wrote. */
export function check(file: Unproven, keyring: Keyring): void {
  if (!timingSafeEqual(macOf(file.covered, keyring), file.mac)) throw damaged('was altered');
}

export function damaged(what: string): KeywardError {
  return new KeywardError('vault_damaged', `The vault file ${what}.`, {
    hint: 'Nothing was changed. Restore the file from a backup.',
  });
}

function macOf(bytes: Buffer, keyring: Keyring): Buffer {
  return createHmac('sha256', deriveKey(keyring, 'file')).update(bytes).digest();
}

function parseHeader(line: string): Header | FirstHeader {
  try {
    const header: unknown = JSON.parse(`${line.slice(0, -headClosing.length)}}`);
    if (line.endsWith(headClosing) && isHeader(header)) return header;
  } catch {
    // The parser's message would quote the file.
  }
  throw damaged('has an unreadable header');
}

function isHeader(value: unknown): value is Header | FirstHeader {
  const { keyward, generation, keys } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(generation)) return false;
  return keyward === 1 ? isFirstKeyHeader(value) : keyward === format && isKeyHeader(keys);
}

/** Only rows that the MAC proves to be ours get any further, so their form is not looked at here. */
function parseRows(lines: string): string[] {
  return lines === '' ? [] : lines.slice(1, -2).split('",\n"');
}
