import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { derive, lengthPrefixed } from '../../src/seal/derive.ts';
import { authenticated, type KeyHeader } from '../../src/seal/key-header.ts';
import { type Keyring, unwrapKeys } from '../../src/seal/keyring.ts';
import { newKeys, openKeys, rewrapped, withFreshKey, withRetired } from '../../src/seal/keys.ts';
import { stretch } from '../../src/seal/outer-key/passphrase.ts';
import { deriveKey, envelope, open, openEnvelope, type SealContext, seal } from '../../src/seal/seal.ts';
import { loadSodium } from '../../src/seal/sodium.ts';
import { openStore } from '../../src/store/open.ts';
import { rowProofs } from '../../src/store/postgres/row-mac.ts';
import { columnsOf } from '../../src/store/postgres/rows.ts';
import { verifyAudit } from '../../src/vault/audit/audit-verify.ts';
import { openArchive } from '../../src/vault/move/archive.ts';
import vectors from './vectors.json' with { type: 'json' };

const damaged = expect.objectContaining({ code: 'vault_damaged' });
const context: SealContext = { purpose: 'credential', tenant: 'acme', owner: 'ann', recordId: '1', version: 1 };
const secret = Buffer.from('a secret');
const access = (key = randomBytes(32).toString('hex')) => ({
  settings: { key, fallbackKeyFile: '/nowhere/key', keychain: false },
  keychain: null,
});
let keyring: Keyring;
let another: Keyring;

beforeAll(async () => {
  await loadSodium();
  keyring = await newKeys(access(), null);
  another = await newKeys(access(), null);
});

describe('a sealed value', () => {
  it('opens to what was sealed, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(Buffer.from(open(keyring, context, seal(keyring, context, bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('30. with any bit flipped does not open', () => {
    const sealed = seal(keyring, context, secret);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const bytes = Buffer.from(sealed, 'latin1');
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => open(keyring, context, bytes.toString('latin1'))).toThrow(damaged);
    }
  });

  it('31. cut short at any character, or with anything added, does not open', () => {
    const sealed = seal(keyring, context, secret);
    for (let length = 0; length < sealed.length; length++) {
      expect(() => open(keyring, context, sealed.slice(0, length))).toThrow(damaged);
    }
    for (const other of [`${sealed}\n`, ` ${sealed}`, `${sealed}=`, sealed + sealed]) {
      expect(() => open(keyring, context, other)).toThrow(damaged);
    }
  });

  it('32. does not open for any other purpose, tenant, owner, record or version', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 });
    const contexts = fc.record({
      purpose: fc.constantFrom('credential', 'attempt', 'authConfig'),
      tenant: text,
      owner: text,
      recordId: text,
      version: fc.nat(3),
    });
    fc.assert(
      fc.property(contexts, contexts, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(() => open(keyring, other, seal(keyring, one, secret))).toThrow(damaged);
      }),
    );
  });

  it('32. does not open when names run into each other', () => {
    const sealed = seal(keyring, { ...context, tenant: 'ab', owner: 'c' }, secret);
    expect(() => open(keyring, { ...context, tenant: 'a', owner: 'bc' }, sealed)).toThrow(damaged);
    expect(() => open(keyring, { ...context, tenant: 'ab\0', owner: 'c' }, sealed)).toThrow(damaged);
  });

  it('does not open in another vault, even under the same data key', () => {
    const sealed = seal(keyring, context, secret);
    expect(() => open(another, context, sealed)).toThrow(damaged);
    expect(() => open({ ...keyring, vaultId: 'other' }, context, sealed)).toThrow(damaged);
  });

  it('35. never repeats a nonce in a million', () => {
    const nonces = new BigUint64Array(1_000_000);
    const key = deriveKey(keyring, 'any');
    // Every seal, of a secret and of a row, goes through `envelope`.
    for (let at = 0; at < nonces.length; at++) {
      // A nonce that repeats does so in these eight bytes, too: base64 characters 12 to 24 are the bytes 9 to 18.
      const part = envelope(keyring.currentKeyId, key, secret).slice(12, 24);
      nonces[at] = Buffer.from(part, 'base64').readBigUInt64LE();
    }
    nonces.sort();
    expect(nonces.filter((nonce, at) => nonce === nonces[at - 1]).length).toBe(0);
  });

  it('stays readable while its key is left for another, and no longer once that key is retired', () => {
    const sealed = seal(keyring, context, secret);
    const both = withFreshKey(keyring);
    expect(Buffer.from(open(both, context, sealed))).toEqual(secret);
    const resealed = seal(both, context, secret);
    expect(() => open(keyring, context, resealed)).toThrow(damaged);
    const retired = withRetired(both, new Map([[keyring.currentKeyId, { lines: 0, digest: '' }]]));
    expect(Buffer.from(open(retired, context, resealed))).toEqual(secret);
    expect(() => open(retired, context, sealed)).toThrow(damaged);
  });
});

it('length-prefixed lists of names are equal only when the lists are', () => {
  const lists = fc.array(fc.string({ unit: 'grapheme', maxLength: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(lists, lists, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other);
      expect(lengthPrefixed(one).equals(lengthPrefixed(other))).toBe(same);
    }),
  );
});

it('derived keys differ by purpose, key and vault', () => {
  const other = { ...keyring, vaultId: 'other' };
  const keys = [
    deriveKey(keyring, 'file'),
    deriveKey(keyring, 'audit'),
    deriveKey(other, 'file'),
    deriveKey(another, 'file'),
  ];
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(4);
  expect(deriveKey(keyring, 'file')).toEqual(keys[0]);
});

describe('the header of the keys', () => {
  it('opens to the keys that it was made of, whatever their states', () => {
    const end = { lines: 3, digest: 'ab' };
    const rotated = withFreshKey(withRetired(withFreshKey(keyring), new Map([[keyring.currentKeyId, end]])));
    for (const one of [keyring, withFreshKey(keyring), rotated]) {
      expect(unwrapKeys(JSON.parse(JSON.stringify(one.header)) as KeyHeader, one.outerKey)).toEqual(one);
    }
    expect(Object.values(rotated.header.dataKeys).map(({ state }) => state)).toEqual(['audit', 'opens', 'seals']);
    // What is left of a retired key is its audit sub-key, as every line under it was written.
    expect(rotated.retired.get(keyring.currentKeyId)).toEqual({ auditKey: deriveKey(keyring, 'audit'), end });
    expect(() => deriveKey(rotated, 'audit', keyring.currentKeyId)).toThrow(damaged);
  });

  it('104. with any field altered does not open, nor under another outer key', () => {
    const { header, outerKey } = withFreshKey(keyring);
    const states = Object.fromEntries(
      Object.entries(header.dataKeys).map(([id, record]) => [
        id,
        { ...record, state: record.state === 'seals' ? 'opens' : 'seals' },
      ]),
    ) as KeyHeader['dataKeys'];
    const altered: KeyHeader[] = [
      { ...header, revision: header.revision + 1 },
      { ...header, vaultId: another.vaultId },
      { ...header, outer: { ...header.outer, source: 'file' } },
      { ...header, dataKeys: states },
      { ...header, dataKeys: { ...header.dataKeys, ...another.header.dataKeys } },
      { ...header, mac: '' },
      { ...header, mac: another.header.mac },
      { ...header, extra: true } as KeyHeader,
    ];
    for (const one of altered) expect(() => unwrapKeys(one, outerKey)).toThrow(damaged);
    expect(() => unwrapKeys(header, another.outerKey)).toThrow(damaged);
  });

  it('104. whose wrapped keys were exchanged does not open, even when somebody vouches for it', () => {
    const { header, outerKey } = withFreshKey(keyring);
    const [[one = '', first] = [], [other = '', second] = []] = Object.entries(header.dataKeys);
    if (first === undefined || second === undefined) throw new Error('There are two.');
    const swapped = { [one]: { ...first, wrapped: second.wrapped }, [other]: { ...second, wrapped: first.wrapped } };
    expect(() =>
      unwrapKeys(authenticated({ ...header, dataKeys: swapped as KeyHeader['dataKeys'] }, outerKey), outerKey),
    ).toThrow(damaged);
  });

  it('104. that is older, or another one of the same revision, is refused by a process that has seen a later one', async () => {
    const place = access();
    const first = await newKeys(place, null);
    const second = withFreshKey(first);
    expect(await openKeys(second.header, place, first)).toEqual(second);
    await expect(openKeys(first.header, place, second)).rejects.toEqual(damaged);
    await expect(openKeys(withFreshKey(first).header, place, second)).rejects.toEqual(damaged);
  });

  it('105. under another outer key: the same keys leave a running process alone, new ones need the new key', async () => {
    const [old, next] = [access(), access()];
    const first = await newKeys(old, null);
    const same = await rewrapped(first, next, null, { freshKey: false });
    expect(await openKeys(same.header, old, first)).toBe(first);
    const fresh = await rewrapped(first, next, null, { freshKey: true });
    await expect(openKeys(fresh.header, old, first)).rejects.toMatchObject({ code: 'key_wrong' });
    expect(await openKeys(fresh.header, next, first)).toEqual(fresh);
  });
});

/** Made by an implementation of its own, from docs/vault-format.md: what Keyward wrote with it could be wrong in the same way. */
describe('the published format', () => {
  const owner = { tenant: 'local', user: 'local' };
  const settings = { key: vectors.keys.outerKey, fallbackKeyFile: '/nowhere/key', keychain: false };
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
  const { context } = vectors.record;
  const collected = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
    const found: T[] = [];
    for await (const item of items) found.push(item);
    return found;
  };
  let keys: Keyring;

  beforeAll(() => {
    keys = unwrapKeys(vectors.header as unknown as KeyHeader, Buffer.from(vectors.keys.outerKey, 'hex'));
  });

  it('derives keys, and stretches passphrases', async () => {
    const { derive: derived, passphrase } = vectors;
    expect(hex(derive(Buffer.from(vectors.keys.dataKey, 'hex'), derived.names))).toBe(derived.underDataKey);
    const stretched = await stretch(passphrase.passphrase, passphrase);
    expect(hex(stretched)).toBe(passphrase.key);
    expect(hex(derive(stretched, ['key and passphrase', vectors.keys.outerKey]))).toBe(passphrase.withOuterKey);
  });

  it('proves the header of the keys, and unwraps them', () => {
    expect([keys.vaultId, keys.currentKeyId]).toEqual([vectors.keys.vaultId, vectors.keys.keyId]);
    expect(hex(keys.dataKeys.get(keys.currentKeyId) ?? Buffer.alloc(0))).toBe(vectors.keys.dataKey);
    expect(hex(keys.retired.get(vectors.keys.retiredKeyId)?.auditKey ?? Buffer.alloc(0))).toBe(
      vectors.audit.retiredKey,
    );
    const { mac, ...header } = vectors.header as unknown as KeyHeader;
    expect(authenticated(header, keys.outerKey).mac).toBe(mac);
  });

  it('opens the secret of a record, and a row of the file', () => {
    expect(text(open(keys, context, vectors.record.sealed))).toBe(vectors.record.plaintext);
    expect(text(openEnvelope(vectors.row.sealed, () => deriveKey(keys, 'row')))).toBe(vectors.row.plaintext);
    expect(hex(deriveKey(keys, 'row'))).toBe(vectors.row.key);
  });

  it('proves a record in PostgreSQL', () => {
    const { database, columns, mac } = vectors.postgres;
    const [row] = [JSON.parse(vectors.row.plaintext) as Parameters<typeof columnsOf>[0]];
    expect(columnsOf(row)).toMatchObject(columns);
    expect(rowProofs(database, () => keys).make(columnsOf(row))).toBe(mac);
  });

  it('opens a whole vault file with its audit log, and a backup', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keyward-vectors-'));
    try {
      const file = join(folder, 'vault.json');
      await writeFile(file, vectors.vault.file, { mode: 0o600 });
      await writeFile(join(folder, 'audit.log'), vectors.audit.lines.map((line) => `${line}\n`).join(''), {
        mode: 0o600,
      });
      const store = await openStore({
        store: { kind: 'file', path: file },
        key: settings,
      });
      const row = await store.get('credential', owner, context.recordId);
      expect(text(open(store.keyring, context, row?.sealed ?? ''))).toBe(vectors.record.plaintext);
      expect(await verifyAudit(store)).toMatchObject({ ok: true, lines: 3, head: vectors.audit.head });
      await store.close();

      const backup = join(folder, 'backup');
      await writeFile(backup, `${vectors.backup.lines.join('\n')}\n`, { mode: 0o600 });
      const archive = await openArchive(backup, settings);
      expect(await collected(archive.readAudit())).toEqual(vectors.audit.lines);
      expect(await collected(archive.scan())).toEqual([JSON.parse(vectors.row.plaintext)]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is published with all of these vectors', async () => {
    const page = await readFile(new URL('../../docs/vault-format.md', import.meta.url), 'utf8');
    const values = (value: unknown): string[] =>
      typeof value === 'object' && value !== null ? Object.values(value).flatMap(values) : [String(value)];
    const missing = values(vectors)
      .flatMap((value) => value.split('\n'))
      .filter((line) => !page.includes(line));
    expect(missing).toEqual([]);
  });
});
