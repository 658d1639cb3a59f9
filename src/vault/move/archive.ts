/**
 * A backup: one file, encrypted and authenticated, that any store is restored from. Its first line holds the vault's
 * wrapped keys, as the vault itself does; every further line is a sealed chunk of records or audit lines. The key of a
 * chunk is derived from the first line, its number, and whether it is the last: a chunk that was altered, moved, left
 * out or taken from another archive does not open, and neither does an archive that was cut short.
 */

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, open as openFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { derive } from '../../seal/derive.ts';
import { type FirstKeyHeader, isFirstKeyHeader, isKeyHeader, type KeyHeader } from '../../seal/key-header.ts';
import { dataKey, type Keyring } from '../../seal/keyring.ts';
import { keyAccess, openFirstKeys, openKeys } from '../../seal/keys.ts';
import type { KeySettings } from '../../seal/outer-key/sources.ts';
import { fileMode, storageError, syncFolder } from '../../seal/private-files.ts';
import { envelope, openEnvelope } from '../../seal/seal.ts';
import { loadSodium } from '../../seal/sodium.ts';
import { nameError } from '../../store/audit/archive-file.ts';
import type { KindRow } from '../../store/store.ts';
import type { OnStep } from '../audit/audit-verify.ts';
import type { Source } from './move.ts';

/** In the first one the keys had no states, as in the first format of a vault file. */
const format = 2;
const chunkSize = 200;

type FirstLine = { readonly keywardBackup: number; readonly archive: string; readonly keys: KeyHeader };
type Chunk = { readonly records?: readonly KindRow[]; readonly audit?: readonly string[] };

/**
 * Writes an archive where no file is. It appears under its name when it is whole and on the disk.
 *
 * @param keys those of the source, or the same under another outer key
 * @param onStep is told how many lines and records were written; their number is not known before the end
 * @returns how many records and audit lines it holds
 */
export async function writeArchive(
  file: string,
  source: Pick<Source, 'keyring' | 'scan' | 'readAudit'>,
  keys: KeyHeader,
  onStep: OnStep = () => {},
): Promise<{ readonly records: number; readonly auditLines: number }> {
  const first: FirstLine = { keywardBackup: format, archive: randomBytes(16).toString('hex'), keys };
  const firstLine = JSON.stringify(first);
  const keyOf = chunkKeys(firstLine, source.keyring);
  const { currentKeyId } = source.keyring;
  const temporary = `${file}.${first.archive}`;
  const counts = { records: 0, auditLines: 0 };
  try {
    const handle = await openFile(temporary, 'wx', fileMode);
    try {
      await handle.appendFile(`${firstLine}\n`);
      let number = 0;
      const write = async (chunk: Chunk, last = false) => {
        const key = keyOf(currentKeyId, number, last);
        await handle.appendFile(`${envelope(currentKeyId, key, Buffer.from(JSON.stringify(chunk)))}\n`);
        number += 1;
      };
      for await (const audit of chunked(source.readAudit())) {
        await write({ audit });
        counts.auditLines += audit.length;
        onStep(counts.auditLines, 0);
      }
      for await (const records of chunked(source.scan())) {
        await write({ records });
        counts.records += records.length;
        onStep(counts.auditLines + counts.records, 0);
      }
      await write({}, true);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Unlike a rename, a link takes no other file's place.
    await link(temporary, file);
    await syncFolder(dirname(file));
    return counts;
  } catch (error) {
    throw nameError(error, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Opens an archive with the outer key that it needs. Each reading fails with `vault_damaged` unless it is whole. */
export async function openArchive(file: string, settings: KeySettings): Promise<Source> {
  await loadSodium();
  const firstLine = await firstLineOf(file);
  const keys = parseFirstLine(firstLine);
  const access = keyAccess(settings);
  const keyring = isKeyHeader(keys) ? await openKeys(keys, access) : await openFirstKeys(keys, access);
  const chunks = () => readChunks(file, chunkKeys(firstLine, keyring));
  return {
    keyring,
    keys: keyring.header,
    async *scan() {
      for await (const { records = [] } of chunks()) yield* records;
    },
    async *readAudit() {
      for await (const { audit = [] } of chunks()) yield* audit;
    },
  };
}

type ChunkKey = (keyId: string, number: number, last: boolean) => Uint8Array;

/** Only the key that seals vouches for a chunk. */
function chunkKeys(firstLine: string, keyring: Keyring): ChunkKey {
  const archive = createHash('sha256').update(firstLine).digest('hex');
  const { vaultId, currentKeyId } = keyring;
  return (keyId, number, last) => {
    if (keyId !== currentKeyId) throw damaged('was altered');
    return derive(dataKey(keyring, keyId), ['backup', vaultId, keyId, archive, `${number}`, last ? 'last' : 'more']);
  };
}

async function* readChunks(file: string, keyOf: ChunkKey): AsyncIterable<Chunk> {
  const openChunk = (text: string, number: number, last: boolean): Chunk => {
    try {
      const plaintext = openEnvelope(text, (keyId) => keyOf(keyId, number, last));
      return JSON.parse(Buffer.from(plaintext).toString('utf8')) as Chunk;
    } catch {
      throw damaged('was altered, or is cut short');
    }
  };
  let line = 0;
  let before: string | undefined;
  // One line behind, because only the end of the file shows which chunk is the last.
  for await (const text of linesOf(file)) {
    if (before !== undefined) yield openChunk(before, line - 2, false);
    if (line > 0) before = text;
    line += 1;
  }
  if (before === undefined) throw damaged('is cut short');
  yield openChunk(before, line - 2, true);
}

async function firstLineOf(file: string): Promise<string> {
  for await (const line of linesOf(file)) return line;
  throw damaged('is empty');
}

async function* linesOf(file: string): AsyncIterable<string> {
  const input = createReadStream(file, { encoding: 'utf8' });
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    if (['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      throw new KeywardError('not_found', `There is no backup at ${file}.`, { hint: 'Name the file of the backup.' });
    }
    throw storageError(error, file);
  } finally {
    input.destroy();
  }
}

function parseFirstLine(line: string): KeyHeader | FirstKeyHeader {
  let first: Partial<FirstLine> | undefined;
  try {
    first = parseJson(line) as Partial<FirstLine>;
  } catch {
    // The parser's message would quote the file.
  }
  const { keywardBackup, keys } = Object(first) as { readonly keywardBackup?: unknown; readonly keys?: unknown };
  if (Number.isSafeInteger(keywardBackup) && Number(keywardBackup) > format) {
    throw new KeywardError('vault_newer', 'The backup was made by a newer Keyward.', { hint: 'Update Keyward.' });
  }
  if (keywardBackup === format && isKeyHeader(keys)) return keys;
  if (keywardBackup === 1 && isFirstKeyHeader(keys)) return keys;
  throw damaged('does not begin like one');
}

async function* chunked<T>(items: AsyncIterable<T>): AsyncIterable<readonly T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < chunkSize) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function damaged(what: string): KeywardError {
  return new KeywardError('vault_damaged', `The backup ${what}.`, {
    hint: 'Nothing was restored. Use another backup.',
  });
}
