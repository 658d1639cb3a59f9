/** What the vault vouches for of its audit log as a whole. */
import { appendFile, link, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AuditHead, noLines } from '../../../src/store/audit/audit-head.ts';
import { openStore } from '../../../src/store/open.ts';
import { archiveAt } from '../../../src/vault/audit/archives.ts';
import { archiveLine } from '../../../src/vault/audit/audit-chain.ts';
import { verifyAudit } from '../../../src/vault/audit/audit-verify.ts';
import { copyVault } from '../../../src/vault/move/move.ts';
import { openVault } from '../../../src/vault/open.ts';
import type { AuditEvent } from '../../../src/vault/vault.ts';
import { connect } from '../../support/servers/postgres.ts';
import { freshPlace, openPlace, type Place, placeNames } from '../../support/vault/places.ts';

const event = (at: number): AuditEvent => ({
  tenant: 'acme',
  user: 'ann',
  action: 'credential.release',
  subject: `id-${at}`,
  outcome: 'allowed',
});

/** A process that writes so many events and ends. */
async function process(place: Place, ...events: number[]): Promise<void> {
  const vault = await openVault(await openPlace(place));
  for (const at of events) await vault.audit(event(at));
  await vault.close();
}

async function verify(place: Place, since?: AuditHead, archives: readonly string[] = []) {
  const store = await openPlace(place);
  try {
    return await verifyAudit(store, { since, archives: archives.map(archiveAt) });
  } finally {
    await store.close();
  }
}

/** Makes the log hold what `edit` makes of its lines. */
async function tamper({ store }: Place, edit: (lines: string[]) => string[]): Promise<void> {
  if (store.kind === 'file') {
    const log = path.join(path.dirname(store.path), 'audit.log');
    const lines = edit((await readFile(log, 'utf8')).trimEnd().split('\n'));
    await (lines.length === 0 ? rm(log) : writeFile(log, lines.map((line) => `${line}\n`).join('')));
    return;
  }
  const write = await connect(store.url);
  const lines = edit((await write('select line from keyward_audit order by number')).map(({ line }) => String(line)));
  await write('delete from keyward_audit');
  await write('insert into keyward_audit (line) select * from unnest($1::text[])', [lines]);
}

describe.each(placeNames)('the audit log of a vault in %s', (name) => {
  const losses: [string, (lines: string[]) => string[]][] = [
    ['the last line', (lines) => lines.slice(0, -1)],
    ['a whole chain', (lines) => [...lines.slice(0, 3), ...lines.slice(5)]],
    ['the last chain', (lines) => lines.slice(0, 5)],
    ['every line', () => []],
    ['the order of two chains', (lines) => [...lines.slice(3, 5), ...lines.slice(0, 3), ...lines.slice(5)]],
    ['a blank line, which is one too many', (lines) => ['', ...lines]],
  ];
  it.each(losses)('123. shows that it lost %s, also when it is written on', async (_, edit) => {
    const place = await freshPlace(name);
    await process(place, 1, 2, 3);
    await process(place, 4, 5);
    await process(place, 6);
    const whole = await verify(place);
    expect(whole).toMatchObject({ ok: true, lines: 6, chains: 3, sealedLines: 6 });
    expect(whole.head.lines).toBe(6);
    await tamper(place, edit);
    expect((await verify(place)).ok).toBe(false);
    await process(place, 7, 8, 9);
    expect((await verify(place)).ok).toBe(false);
    expect((await verify(place, whole.head)).ok).toBe(false);
  });

  it('123. may hold more than the vault vouches for, and what was seen once must still be there later', async () => {
    const place = await freshPlace(name);
    const store = await openPlace(place);
    const vault = await openVault(store);
    await vault.audit(event(1));
    const early = await verifyAudit(store);
    expect(early).toMatchObject({ ok: true, lines: 1, sealedLines: 0 });
    await vault.audit(event(2));
    await vault.close();
    const late = await verify(place, early.head);
    expect(late).toMatchObject({ ok: true, lines: 2, sealedLines: 2 });
    expect((await verify(place, { ...early.head, lines: 2 })).ok).toBe(false);
    expect((await verify(place, { ...early.head, lines: 3 })).ok).toBe(false);
  });
});

/** Puts the log aside, as the command does. */
async function archive(place: Place, file: string): Promise<AuditHead> {
  const store = await openPlace(place);
  try {
    const by = { tenant: 'local', user: 'local' };
    return await store.archiveAudit(file, (keyring, head) => archiveLine(keyring, head, by));
  } finally {
    await store.close();
  }
}

describe.each(placeNames)('an archive of the audit log of a vault in %s', (name) => {
  it('417. is told from a log that lost its beginning, and both are checked as one log', async () => {
    const place = await freshPlace(name);
    const folder = await mkdtemp(path.join(tmpdir(), 'keyward-archive-'));
    const files = ['one', 'two'].map((one) => path.join(folder, one));
    const [one = '', two = ''] = files;
    const vault = await openVault(await openPlace(place));
    await vault.audit(event(1));
    await process(place, 2, 3);
    const first = await archive(place, one);
    expect(first.lines).toBe(3);
    // A process that was there before goes on in its chain.
    await vault.audit(event(4));
    await vault.close();
    expect(await verify(place)).toMatchObject({ ok: true, lines: 2, chains: 2, archived: first });
    expect(await verify(place, undefined, [one])).toMatchObject({ ok: true, lines: 5, archived: noLines });
    expect(await verify(place, first, [one])).toMatchObject({ ok: true });
    await process(place, 5);
    const second = await archive(place, two);
    await process(place, 6);
    const whole = await verify(place, first, [one, two]);
    expect(whole).toMatchObject({ ok: true, lines: 8, archived: noLines });
    expect(await verify(place, second, [two])).toMatchObject({ ok: true, archived: first });
    // What is named must be all of it, in its order.
    for (const named of [[one], [two, one], [two, two]]) expect((await verify(place, undefined, named)).ok).toBe(false);
    await expect(archive(place, one)).rejects.toMatchObject({ code: 'conflict' });
    expect(await verify(place, whole.head, files)).toMatchObject({ ok: true, lines: 8 });
    // Each loss shows, in an archive and after it.
    const lines = (await readFile(one, 'utf8')).trimEnd().split('\n');
    for (const kept of [lines.slice(1), lines.slice(0, -1), lines.toReversed()]) {
      await writeFile(one, kept.map((line) => `${line}\n`).join(''));
      expect((await verify(place, undefined, files)).ok).toBe(false);
    }
    await tamper(place, (rows) => rows.slice(1));
    expect((await verify(place)).ok).toBe(false);
    await rm(folder, { recursive: true });
  });

  it('417. that an earlier archive began does not stand in for the log', async () => {
    const place = await freshPlace(name);
    const folder = await mkdtemp(path.join(tmpdir(), 'keyward-archive-'));
    const [one, two] = [path.join(folder, 'one'), path.join(folder, 'two')];
    await process(place, 1);
    await archive(place, one);
    await process(place, 2);
    await archive(place, two);
    await process(place, 3);
    const earlier = (await readFile(two, 'utf8')).trimEnd().split('\n');
    await tamper(place, () => earlier);
    expect((await verify(place)).ok).toBe(false);
    await rm(folder, { recursive: true });
  });
});

it('417. a kill after a log was put aside, before the vault sealed the new one, loses nothing', async () => {
  const place = await freshPlace('a file');
  await process(place, 1, 2);
  const store = await openPlace(place);
  const [log, one] = ['audit.log', 'one'].map((file) => path.join(path.dirname(store.location), file));
  if (!log || !one) throw new Error('There is no vault file.');
  const head = (await verifyAudit(store)).head;
  const line = archiveLine(store.keyring, head, { tenant: 'local', user: 'local' });
  await rename(log, one);
  await writeFile(log, `${line}\n`);
  expect(await verifyAudit(store)).toMatchObject({ ok: true, lines: 1, archived: head });
  expect(await verifyAudit(store, { archives: [archiveAt(one)] })).toMatchObject({ ok: true, lines: 3 });
  await store.close();
  await process(place, 3);
  expect(await verify(place, head, [one])).toMatchObject({ ok: true, lines: 4 });
});

it('417. of two that put a log in PostgreSQL aside at once, each has its own lines or does nothing', async () => {
  const place = await freshPlace('PostgreSQL');
  const folder = await mkdtemp(path.join(tmpdir(), 'keyward-archive-'));
  const files = ['one', 'two', 'three'].map((file) => path.join(folder, file));
  await process(place, 1, 2, 3);
  const done = await Promise.allSettled(files.map((file) => archive(place, file)));
  const heads = done.flatMap((one, at) =>
    one.status === 'fulfilled' ? [{ ...one.value, file: files[at] ?? '' }] : [],
  );
  for (const one of done) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' });
  const named = heads.toSorted((a, b) => a.lines - b.lines).map(({ file }) => file);
  expect(named.length).toBeGreaterThan(0);
  await process(place, 4);
  expect(await verify(place, undefined, named)).toMatchObject({ ok: true, archived: noLines });
  await rm(folder, { recursive: true });
});

it('417. a kill while a log is put aside leaves it whole under both names, and it is put aside again', async () => {
  const place = await freshPlace('a file');
  await process(place, 1, 2);
  const { path: vault = '' } = place.store as { path?: string };
  const [log, one, two] = ['audit.log', 'one', 'two'].map((file) => path.join(path.dirname(vault), file));
  if (!log || !one || !two) throw new Error('There is no vault file.');
  await link(log, one);
  await writeFile(`${log}.new`, 'cut sho');
  expect(await verify(place)).toMatchObject({ ok: true, lines: 2 });
  await process(place, 3);
  await expect(archive(place, one)).rejects.toMatchObject({ code: 'conflict' });
  expect((await archive(place, two)).lines).toBe(3);
  expect(await verify(place, undefined, [two])).toMatchObject({ ok: true, lines: 4 });
  expect((await readdir(path.dirname(vault))).filter((file) => file.endsWith('.new'))).toEqual([]);
});

it('417. a vault whose log was put aside is moved, and its log is whole at the new place', async () => {
  const place = await freshPlace('a file');
  const to = { ...(await freshPlace('a file')), key: place.key };
  const source = await openPlace(place);
  const vault = await openVault(source);
  await vault.audit(event(1));
  await archive(place, path.join(path.dirname(source.location), 'one'));
  await vault.audit(event(2));
  const target = await openStore({ ...to, adopt: source.keys });
  await copyVault(source, target, (found) => found);
  expect(await verifyAudit(target)).toMatchObject({ ok: true, lines: 2, archived: { lines: 1 } });
  await target.close();
  await vault.close();
});

it('123. a log that was moved away goes on in a new file, and is whole again when both are put together', async () => {
  const place = await freshPlace('a file');
  await process(place, 1, 2);
  const { head } = await verify(place);
  let moved: string[] = [];
  await tamper(place, (lines) => {
    moved = lines;
    return [];
  });
  await process(place, 3);
  expect(await verify(place, head)).toMatchObject({
    ok: false,
    lines: 1,
    problems: [{ problem: 'The log begins after line 2: what came before was moved away or removed.' }],
  });
  await tamper(place, (lines) => [...moved, ...lines]);
  expect(await verify(place, head)).toMatchObject({ ok: true, lines: 3, sealedLines: 3 });
});

it('123. a line that a crash cut short is closed off and covered like any other', async () => {
  const place = await freshPlace('a file');
  await process(place, 1);
  const { store } = place;
  if (store.kind !== 'file') throw new Error('This is no file.');
  await appendFile(path.join(path.dirname(store.path), 'audit.log'), '{"time":"2026-01-');
  await process(place, 2);
  expect(await verify(place)).toMatchObject({ ok: true, lines: 2, torn: [2], sealedLines: 3 });
});
