/** A thief who has an outer key that was left behind, a copy of the vault from then, and may write to where it is now. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { appendFile, copyFile, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { derive } from '../../src/seal/derive.ts';
import { authenticated, type KeyHeader } from '../../src/seal/key-header.ts';
import { type Keyring, unwrapKeys } from '../../src/seal/keyring.ts';
import { deriveKey, envelope, open, seal } from '../../src/seal/seal.ts';
import { archiveAt } from '../../src/vault/audit/archives.ts';
import { archiveLine } from '../../src/vault/audit/audit-chain.ts';
import { problemsOfArchive, verifyAudit } from '../../src/vault/audit/audit-verify.ts';
import { rewrapDataKeys, rotateDataKey } from '../../src/vault/key-change.ts';
import { openVault } from '../../src/vault/open.ts';
import { contextOf } from '../../src/vault/seal-context.ts';
import { asAdmin } from '../support/servers/postgres.ts';
import { freshPlace, openPlace, type Place, placeNames } from '../support/vault/places.ts';
import { ann, apiKeySecret, canary, newCredential, vaultFolder } from '../support/vault/vault-folder.ts';

const event = { ...ann, action: 'credential.release', outcome: 'allowed' } as const;
const refused = expect.objectContaining({ code: expect.stringMatching(/^(vault_damaged|key_wrong)$/) });

/** A vault whose outer key was changed after the thief had it, and a process that was started with the new one. */
async function leftBehind(place: Place) {
  const before = await openPlace(place);
  const vault = await openVault(before);
  await vault.audit(event);
  await vault.commit([{ op: 'create', kind: 'credential', record: newCredential(), secret: apiKeySecret('old') }]);
  const thief = before.keyring;
  const key = { ...place.key, key: randomBytes(32).toString('base64') };
  await rewrapDataKeys(before, key, null);
  await vault.close();
  const now: Place = { ...place, key };
  const store = await openPlace(now);
  const serving = await openVault(store);
  onTestFinished(() => serving.close());
  const record = newCredential();
  await serving.commit([{ op: 'create', kind: 'credential', record, secret: apiKeySecret() }]);
  return { thief, now, store, serving, record };
}

/** Headers that the thief can make of what it has: the old one and the present one. */
function forgedHeaders(thief: Keyring, present: KeyHeader): Record<string, KeyHeader> {
  const old = thief.header;
  const [, seals] = Object.entries(present.dataKeys).find(([, { state }]) => state === 'seals') ?? [];
  const states = Object.fromEntries(
    Object.entries({ ...present.dataKeys, ...old.dataKeys }).map(([id, record]) => [
      id,
      id === thief.currentKeyId ? record : { ...record, state: 'opens' },
    ]),
  ) as KeyHeader['dataKeys'];
  const revision = present.revision + 3;
  return {
    'the old one': old,
    'the old one, as if it were newer': authenticated({ ...old, revision }, thief.outerKey),
    'the old one, as if it were of the present outer key': authenticated(
      { ...old, revision, outer: present.outer },
      thief.outerKey,
    ),
    'the present one with the states set back': { ...present, revision, dataKeys: states },
    'the present one with the states set back, under the old outer key': authenticated(
      { ...present, revision, dataKeys: states },
      thief.outerKey,
    ),
    'the present one with the retired key beside the one that seals': {
      ...present,
      dataKeys: { ...present.dataKeys, ...(seals && { [thief.currentKeyId]: { ...seals, state: 'opens' as const } }) },
    },
    'the present one': present,
  };
}

/** A file with this header, the rows that are there, and one more, all vouched for by the thief's data key. */
function forgedFile(thief: Keyring, bytes: string, header: Record<string, unknown>): string {
  const rows = bytes.split('\n').slice(1, -2);
  const session = {
    id: randomUUID(),
    tenant: ann.tenant,
    owner: ann.user,
    hash: 'aa',
    scopes: ['credentials:release'],
  };
  const counted = { version: 1, secretVersion: 1, sealed: '', createdAt: 1, updatedAt: 1, expiresAt: null };
  const row = Buffer.from(JSON.stringify({ kind: 'session', row: { ...session, ...counted } }));
  const forged = envelope(thief.currentKeyId, deriveKey(thief, 'row'), row);
  const head = `${JSON.stringify(header).slice(0, -1)},"rows":[`;
  const covered = `${[head, `"${forged}",`, ...rows].join('\n')}\n],"mac":"`;
  const mac = createHmac('sha256', deriveKey(thief, 'file')).update(covered).digest('hex');
  return `${covered}${mac}"}\n`;
}

describe.each(placeNames)('105. after a rewrap of a vault in %s, who has the old outer key and data key', (name) => {
  it('reads nothing of what is stored since', async () => {
    const { thief, store, record } = await leftBehind(await freshPlace(name));
    const row = await store.get('credential', ann, record.id);
    if (row === undefined) throw new Error('The credential is gone.');
    expect(() => open(thief, contextOf('credential', row, 1), row.sealed)).toThrow(refused);
    expect(() => unwrapKeys(store.keys, thief.outerKey)).toThrow(refused);
    expect(store.keyring.dataKeys.has(thief.currentKeyId)).toBe(false);
  });

  it('seals nothing that opens', async () => {
    const { thief, store } = await leftBehind(await freshPlace(name));
    const context = contextOf('credential', { ...ann, owner: ann.user, id: randomUUID() }, 1);
    expect(() => open(store.keyring, context, seal(thief, context, Buffer.from(canary)))).toThrow(refused);
  });
});

it('105. keys/retired-forge, keys/downgrade: no file that it makes is taken, by whoever runs or whoever starts', async () => {
  const place = vaultFolder();
  const { thief, now, serving, store, record } = await leftBehind({
    store: { kind: 'file', path: place.file },
    key: place.key,
    args: [place.file, place.key.key ?? ''],
  });
  const whole = await readFile(place.file, 'latin1');
  const { generation } = JSON.parse(`${whole.split(',"rows":[')[0]}}`) as { generation: number };
  const headers = forgedHeaders(thief, store.keys);
  const [wrapped = ''] = Object.values(thief.header.dataKeys).map((one) => one.wrapped);
  const first = {
    vaultId: thief.vaultId,
    outer: store.keys.outer,
    dataKeys: { [thief.currentKeyId]: wrapped },
    currentKeyId: thief.currentKeyId,
  };
  const files = [
    ...Object.entries(headers).map(([what, keys]) => [what, { keyward: 2, generation: generation + 5, keys }] as const),
    ['one of the first format', { keyward: 1, ...first, generation: generation + 5 }] as const,
    [
      'one of the first format, with the old outer key',
      { keyward: 1, ...first, outer: thief.header.outer, generation: generation + 5 },
    ] as const,
  ];
  for (const [what, header] of files) {
    await writeFile(place.file, forgedFile(thief, whole, header), 'latin1');
    await expect(serving.get('credential', ann, record.id), what).rejects.toEqual(refused);
    await expect(serving.audit(event), what).rejects.toMatchObject({ code: 'audit_unavailable' });
    await expect(openPlace(now), what).rejects.toEqual(refused);
  }
  await writeFile(place.file, whole, 'latin1');
  expect(await serving.open('credential', record as never)).toEqual(apiKeySecret());
});

it('105. pg/key-downgrade: no keys that it writes into the database are taken, and nothing is sealed under a key of its', async () => {
  const place = await freshPlace('PostgreSQL');
  const url = place.args[0];
  const { thief, now, serving, store, record } = await leftBehind(place);
  const forged = forgedHeaders(thief, store.keys);
  const whole = store.keys;
  const sealing = store.keyring.currentKeyId;
  for (const [what, keys] of Object.entries(forged)) {
    if (keys === whole) continue;
    await asAdmin(url, 'update keyward_vault set keys = $1, generation = generation + 1', [JSON.stringify(keys)]);
    const change = { op: 'create', kind: 'credential', record: newCredential(), secret: apiKeySecret() } as const;
    await expect(serving.commit([change]), what).rejects.toEqual(refused);
    await expect(serving.audit(event), what).rejects.toMatchObject({ code: 'audit_unavailable' });
    await expect(openPlace(now), what).rejects.toEqual(refused);
    // What is there can be read meanwhile, with the keys that were proved before.
    expect(await serving.open('credential', record as never)).toEqual(apiKeySecret());
    expect(store.keyring.currentKeyId).toBe(sealing);
  }
  await asAdmin(url, 'update keyward_vault set keys = $1, generation = generation + 1', [JSON.stringify(whole)]);
  await serving.audit(event);
});

describe('107. keys/retired-audit: under a retired key', () => {
  async function withLines() {
    const place = vaultFolder();
    const store = await place.open();
    const vault = await openVault(store);
    for (let at = 0; at < 3; at += 1) await vault.audit({ ...event, subject: `${at}` });
    const { keyring } = store;
    await rotateDataKey(store);
    await vault.audit({ ...event, subject: 'later' });
    const forge = (chain: string, seq: number, prev: string) => {
      const told = { time: new Date().toISOString(), chain, key: keyring.currentKeyId, seq, ...event, prev };
      const body = JSON.stringify(told).slice(0, -1);
      const mac = createHmac('sha256', derive(dataKeyOf(keyring), ['audit', keyring.vaultId, keyring.currentKeyId]));
      return `${body},"mac":"${mac.update(body).digest('base64url')}"}`;
    };
    const lines = (await readFile(place.audit, 'utf8')).trimEnd().split('\n');
    return { place, store, lines, forge };
  }

  it('a line that is forged, as a chain of its own or as the next of another, is reported, and where', async () => {
    const { place, store, lines, forge } = await withLines();
    expect(await verifyAudit(store)).toMatchObject({ ok: true, lines: 4, chains: 2 });
    const { chain, mac } = JSON.parse(lines[2] ?? '') as { chain: string; mac: string };
    for (const forged of [forge('forged', 1, ''), forge(chain, 4, mac)]) {
      await writeFile(place.audit, `${[...lines, forged].join('\n')}\n`);
      expect((await verifyAudit(store)).problems).toMatchObject([
        { line: 5, problem: expect.stringContaining('retired') },
      ]);
      // Among those of before, it is one too many.
      await writeFile(place.audit, `${[...lines.slice(0, 3), forged, ...lines.slice(3)].join('\n')}\n`);
      expect((await verifyAudit(store)).problems).toMatchObject([{ line: 4 }]);
    }
  });

  it('a line that is forged just before the log is put aside is reported as it is put aside', async () => {
    const { place, store, lines, forge } = await withLines();
    await writeFile(place.audit, `${[...lines, forge('forged', 1, '')].join('\n')}\n`);
    const by = { tenant: 'local', user: 'local' };
    await store.archiveAudit(`${place.audit}.1`, (keyring, head) => archiveLine(keyring, head, by));
    expect(await problemsOfArchive(store.keyring, archiveAt(`${place.audit}.1`))).toMatchObject([
      { line: 5, problem: expect.stringContaining('retired') },
    ]);
  });

  it('history that is written anew, or lacks its end, is reported; a log that was moved away is not', async () => {
    const { place, store, lines, forge } = await withLines();
    const [first = '', second = '', third = '', later = ''] = lines;
    const anew = forge((JSON.parse(third) as { chain: string }).chain, 3, (JSON.parse(second) as { mac: string }).mac);
    await writeFile(place.audit, `${[first, second, anew, later].join('\n')}\n`);
    expect((await verifyAudit(store)).problems).toMatchObject([
      { line: 3, problem: expect.stringContaining('retired') },
    ]);
    await writeFile(place.audit, `${[first, second, later].join('\n')}\n`);
    expect((await verifyAudit(store)).ok).toBe(false);
    await copyFile(place.audit, `${place.audit}.kept`);
    await writeFile(place.audit, '');
    await appendFile(place.audit, `${later}\n`);
    expect(await verifyAudit(store)).toMatchObject({ ok: true, lines: 1 });
  });
});

function dataKeyOf({ dataKeys, currentKeyId }: Keyring): Uint8Array {
  const key = dataKeys.get(currentKeyId);
  if (key === undefined) throw new Error('The key is gone.');
  return key;
}

describe.each(placeNames)('108. pg/rotate-blocked: a record of a vault in %s that does not open', (name) => {
  it('is set aside: kept, marked, named; the rotation goes on, and so does everything else', async () => {
    const place = await freshPlace(name);
    const store = await openPlace(place);
    const vault = await openVault(store);
    onTestFinished(() => vault.close());
    const [good, bad] = [newCredential(), newCredential()];
    await vault.commit(
      [good, bad].map((record) => ({ op: 'create', kind: 'credential', record, secret: apiKeySecret() }) as const),
    );
    const row = await store.get('credential', ann, bad.id);
    if (row === undefined) throw new Error('The credential is gone.');
    const owner = { tenant: row.tenant, user: row.owner };
    await store.reseal([{ kind: 'credential', owner, id: row.id, from: row.sealed, to: 'nonsense' }]);
    const told: string[] = [];
    const rotated = await rotateDataKey(store, async ({ id }) => void told.push(id));
    expect(rotated).toEqual({ resumed: false, resealed: 2, damaged: [{ kind: 'credential', id: bad.id }] });
    expect(told).toEqual([bad.id]);
    expect((await store.get('credential', ann, bad.id))?.sealed).toBe('damaged:nonsense');
    expect(store.keyring.dataKeys.size).toBe(1);

    const marked = await vault.get('credential', ann, bad.id);
    if (marked === undefined) throw new Error('The credential is gone.');
    expect(marked).toMatchObject({ status: 'reconnect_required', statusReason: expect.stringContaining('damaged') });
    await expect(vault.open('credential', marked)).rejects.toMatchObject({ code: 'vault_damaged' });
    const fine = await vault.get('credential', ann, good.id);
    expect(fine && (await vault.open('credential', fine))).toEqual(apiKeySecret());
    // The next rotation has nothing to say of it, and a new secret heals it.
    expect(await rotateDataKey(store)).toMatchObject({ damaged: [] });
    await vault.commit([{ op: 'update', kind: 'credential', record: marked, secret: apiKeySecret('new') }]);
    const healed = await vault.get('credential', ann, bad.id);
    expect(healed && (await vault.open('credential', healed))).toEqual(apiKeySecret('new'));
  });
});
