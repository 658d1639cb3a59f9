/**
 * A process that fills a small disk and goes on: `node full-disk.mjs <folder>`, run in a mount namespace of its own.
 * Prints one JSON object of what happened.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { KeywardError } from '../../../src/errors.ts';
import { openStore } from '../../../src/store/open.ts';
import { ann, credentialRow } from '../vault/rows.ts';

const folder = process.argv[2] ?? '';
await mkdir(folder, { recursive: true });
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
const key = { key: randomBytes(32).toString('base64'), fallbackKeyFile: '/nowhere/key', keychain: false };
const open = () => openStore({ store: { kind: 'file', path: path.join(folder, 'vault.json') }, key });
const store = await open();
const ids: string[] = [];

const commit = async (): Promise<string> => {
  const row = credentialRow({ id: randomUUID() });
  return codeOf(async () => {
    await store.commit([{ op: 'insert', kind: 'credential', row }]);
    ids.push(row.id);
  });
};

const full = await untilFails();
const outcome = {
  full,
  fullKept: await intact(),
  fullAudit: await codeOf(() => fillAndAudit()),
  afterSpace: await spaceAgain(),
  readOnly: await readOnly(),
  end: await intact(),
  remains: (await readdir(folder)).filter((name) => name.includes('.tmp-')).length,
  writes: ids.length,
};
process.stdout.write(`${JSON.stringify(outcome)}\n`);

async function untilFails(): Promise<string> {
  for (let at = 0; at < 10_000; at++) {
    const code = await commit();
    if (code !== 'done') return code;
  }
  return 'never';
}

/** Whether this store and a fresh one show exactly what was acknowledged. */
async function intact(): Promise<boolean> {
  const fresh = await open();
  const shown = [store, fresh].map(async (one) =>
    (await one.list('credential', ann, {}, { limit: 10_000 })).map(({ id }) => id),
  );
  const lists = await Promise.all(shown);
  await fresh.close();
  return lists.every((list) => list.length === ids.length && ids.every((id) => list.includes(id)));
}

async function fillAndAudit(): Promise<void> {
  try {
    for (let at = 0; ; at++) writeFileSync(path.join(folder, `ballast-${at}`), Buffer.alloc(4096));
  } catch {
    // full
  }
  for (let at = 0; at < 100; at++) await store.appendAudit([`{"at":${at},"text":"${'x'.repeat(200)}"}`]);
}

async function spaceAgain(): Promise<string> {
  for (const name of await readdir(folder)) if (name.startsWith('ballast-')) rmSync(path.join(folder, name));
  execFileSync('mount', ['-o', 'remount,size=1m', folder]);
  const codes = [await commit(), await codeOf(() => store.appendAudit(['{"again":1}']))];
  return [...new Set(codes)].join(' ');
}

/** A read-only view over the same folder: what is open for writing keeps a disk from becoming read-only itself. */
async function readOnly(): Promise<string> {
  execFileSync('mount', ['--bind', folder, folder]);
  execFileSync('mount', ['-o', 'remount,bind,ro', folder]);
  const fresh = await open();
  const codes = [await commit(), String(await intact()), await codeOf(() => fresh.appendAudit(['{}']))];
  await fresh.close();
  execFileSync('umount', [folder]);
  return [...codes, await commit(), await codeOf(() => store.appendAudit(['{}']))].join(' ');
}

async function codeOf(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    return error instanceof KeywardError ? error.code : String(error);
  }
}
