import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AsyncEntry } from '@napi-rs/keyring';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Keychain, osKeychain } from '../../../src/seal/outer-key/keychain.ts';
import { isOutdated, isWeakPassphrase, newStretching, stretch } from '../../../src/seal/outer-key/passphrase.ts';
import { type KeySettings, outerKeyAdvice } from '../../../src/seal/outer-key/sources.ts';
import { credentialRow, vaultFolder } from '../../support/vault/vault-folder.ts';

const passphrase = 'correct horse battery staple';
const rows = async (place: ReturnType<typeof vaultFolder>, key: KeySettings, keychain: Keychain | null = null) => {
  const store = await place.open({ key, keychain });
  const found = await store.list('credential', { tenant: 'acme', user: 'ann' }, {}, { limit: 10 });
  await store.close();
  return found.length;
};

/** Makes a vault with one row under this key. */
async function vaultWith(given: Partial<KeySettings>, keychain: Keychain | null = null) {
  const place = vaultFolder();
  const key = { ...place.noKey, ...given };
  const store = await place.open({ key, keychain });
  await store.commit([{ op: 'insert', kind: 'credential', row: credentialRow() }]);
  await store.close();
  return { ...place, key };
}

/** A keychain in memory: the operating system's stands outside Keyward, and may refuse. */
function memoryKeychain() {
  const entries = new Map<string, Uint8Array>();
  const keychain: Keychain = {
    get: async (name) => entries.get(name) ?? null,
    set: async (name, value) => void entries.set(name, value),
  };
  return { ...keychain, entries };
}

describe('a configured key', () => {
  const bytes = randomBytes(32);
  const spellings = [
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ];

  it('may be written as base64, base64url or hex, in the environment or in a file', async () => {
    const place = await vaultWith({ key: bytes.toString('base64') });
    for (const key of spellings) expect(await rows(place, { ...place.noKey, key })).toBe(1);
    const keyFile = path.join(place.root, 'key');
    await writeFile(keyFile, `${spellings[2]}\n`, { mode: 0o600 });
    expect(await rows(place, { ...place.noKey, keyFile })).toBe(1);
  });

  it('of any other length or alphabet is refused before anything is made', async () => {
    const wrong = [
      '',
      'secret',
      randomBytes(31).toString('base64'),
      randomBytes(33).toString('base64'),
      randomBytes(16).toString('hex'),
      'ä'.repeat(43),
      `${spellings[2]}00`,
    ];
    for (const key of wrong) {
      const place = vaultFolder();
      const error = await place.open({ key: { ...place.noKey, key } }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'config_invalid' });
      if (key !== '') expect((error as Error).message).not.toContain(key);
      expect(await readdir(place.data)).not.toContain('vault.json');
    }
  });

  it('whose file is missing is key_missing; whose file holds something else is config_invalid', async () => {
    const place = vaultFolder();
    const keyFile = path.join(place.root, 'key');
    await expect(place.open({ key: { ...place.noKey, keyFile } })).rejects.toMatchObject({ code: 'key_missing' });
    await writeFile(keyFile, 'nonsense', { mode: 0o600 });
    await expect(place.open({ key: { ...place.noKey, keyFile } })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('is given once: as a key or as a file', async () => {
    const place = vaultFolder();
    const key = { ...place.key, keyFile: path.join(place.root, 'key') };
    await expect(place.open({ key })).rejects.toMatchObject({ code: 'config_invalid' });
    await (await place.open()).close();
    await expect(place.open({ key })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('112. whose file others can read, or another user owns, is refused; with the command that closes it, where that helps', async () => {
    const place = vaultFolder();
    const keyFile = path.join(place.root, 'key');
    await writeFile(keyFile, bytes.toString('hex'));
    for (const mode of [0o640, 0o604, 0o644, 0o620, 0o666]) {
      await chmod(keyFile, mode);
      const refused = place.open({ key: { ...place.noKey, keyFile } });
      await expect(refused, mode.toString(8)).rejects.toMatchObject({
        code: 'config_invalid',
        hint: expect.stringContaining(`chmod 600 '${keyFile}'`),
      });
    }
    await chmod(keyFile, 0o400);
    await (await place.open({ key: { ...place.noKey, keyFile } })).close();
    // Only root's file can be played.
    if (process.getuid?.() !== 0) return;
    const user = vi.spyOn(process, 'getuid').mockReturnValue(65_534);
    await chmod(keyFile, 0o640);
    await (await place.open({ key: { ...place.noKey, keyFile } })).close();
    await chmod(keyFile, 0o644);
    await expect(place.open({ key: { ...place.noKey, keyFile } })).rejects.toMatchObject({ code: 'config_invalid' });
    user.mockRestore();
    // Another user than root who owns it could have made it.
    await chown(keyFile, 65_534, 65_534);
    await chmod(keyFile, 0o640);
    await expect(place.open({ key: { ...place.noKey, keyFile } })).rejects.toMatchObject({
      message: expect.stringContaining('belongs to another user of this computer'),
    });
  });

  it('that is gone is key_missing, although the same computer has a key file', async () => {
    const place = await vaultWith({ key: bytes.toString('hex') });
    await mkdir(path.dirname(place.noKey.fallbackKeyFile), { recursive: true });
    await writeFile(place.noKey.fallbackKeyFile, randomBytes(32).toString('base64'));
    await expect(place.open({ key: place.noKey })).rejects.toMatchObject({ code: 'key_missing' });
  });
});

describe('a passphrase', { timeout: 120_000 }, () => {
  it('opens its vault however its accents are composed; another one is key_wrong, none is key_missing', async () => {
    const place = await vaultWith({ passphrase: 'caf\u00e9 with twelve otters' });
    expect(await rows(place, { ...place.noKey, passphrase: 'cafe\u0301 with twelve otters' })).toBe(1);
    await expect(place.open({ key: { ...place.noKey, passphrase } })).rejects.toMatchObject({ code: 'key_wrong' });
    await expect(place.open({ key: place.noKey })).rejects.toMatchObject({ code: 'key_missing' });
    // A key beside it would change nothing, and is not silently ignored.
    await expect(place.open({ key: vaultFolder().key })).rejects.toMatchObject({ code: 'key_missing' });
    const both = { ...vaultFolder().key, passphrase };
    await expect(place.open({ key: both })).rejects.toMatchObject({ code: 'key_wrong' });
  });

  it('111. is stretched with parameters that the vault records, and that may not cost more than four times ours', async () => {
    const recorded = newStretching();
    // RFC 9106 §4, second choice, in one lane instead of four; §3.1 for the salt.
    expect(recorded).toMatchObject({ memoryBytes: 256 * 1024 * 1024, passes: 3 });
    expect(Buffer.from(recorded.salt, 'base64')).toHaveLength(16);
    const { memoryBytes, passes } = recorded;
    const beyond = [
      { memoryBytes: 4 * memoryBytes + 1 },
      { passes: 4 * passes + 1 },
      { memoryBytes: 4 * memoryBytes, passes: passes + 1 },
      { memoryBytes: 2 ** 40 },
      { passes: 2 ** 31 },
      { memoryBytes: 0 },
      { memoryBytes: -1 },
      { passes: 0 },
      { salt: '' },
    ];
    const started = performance.now();
    for (const edit of beyond) {
      await expect(stretch(passphrase, { ...recorded, ...edit })).rejects.toMatchObject({ code: 'vault_damaged' });
    }
    // No work was done on them.
    expect(performance.now() - started).toBeLessThan(1_000);
    const early = { salt: recorded.salt, memoryBytes: 64 * 1024 * 1024, passes: 2 };
    expect(await stretch(passphrase, early)).toHaveLength(32);
    expect([isOutdated(early), isOutdated(recorded)]).toEqual([true, false]);
  });

  it('110. that can be guessed is refused for a new vault, before anything is made', async () => {
    const weak = [
      '',
      'password1234',
      ' '.repeat(12),
      'aaaaaaaaaaaa',
      'elevenchars',
      'qwertyuiopasdf',
      'Summer2024!Summer',
    ];
    for (const one of [...weak, 'keyward keyward keyward', 'one two three four']) {
      const place = vaultFolder();
      const error = await place.open({ key: { ...place.noKey, passphrase: one } }).catch((thrown: unknown) => thrown);
      expect(error, one).toMatchObject({ code: 'config_invalid', hint: expect.stringContaining('random words') });
      if (one.trim() !== '') expect((error as Error).message).not.toContain(one);
      expect(await readdir(place.data)).not.toContain('vault.json');
    }
    for (const one of [passphrase, 'tidal mirth gecko union', 'x7Kq9-pLm2-Rt4v', 'ж'.concat(passphrase)]) {
      expect(await isWeakPassphrase(one), one).toBe(false);
    }
    // However long it is, it is judged in a moment.
    expect(await isWeakPassphrase('ab1 '.repeat(50_000))).toBe(true);
  });

  it('113. together with a key: either alone, or beside a wrong one, opens nothing', async () => {
    const both = { key: randomBytes(32).toString('hex'), passphrase };
    const place = await vaultWith(both);
    expect(await rows(place, { ...place.noKey, ...both })).toBe(1);
    const wrong: [Partial<KeySettings>, string][] = [
      [{ key: both.key }, 'key_missing'],
      [{ passphrase }, 'key_missing'],
      [{}, 'key_missing'],
      [{ ...both, key: randomBytes(32).toString('hex') }, 'key_wrong'],
      [{ ...both, passphrase: `${passphrase} not` }, 'key_wrong'],
    ];
    for (const [given, code] of wrong) {
      await expect(place.open({ key: { ...place.noKey, ...given } })).rejects.toMatchObject({ code });
    }
  });

  it('that is set for a vault without one is not silently ignored', async () => {
    const place = await vaultWith({});
    await expect(place.open({ key: { ...place.noKey, passphrase } })).rejects.toMatchObject({ code: 'key_wrong' });
  });
});

describe('a generated key file', () => {
  it('is made outside the folder of the vault, private, and opens the vault again', async () => {
    const place = await vaultWith({});
    expect(await readdir(path.dirname(place.noKey.fallbackKeyFile))).toEqual(['vault.key']);
    expect((await stat(place.noKey.fallbackKeyFile)).mode & 0o777).toBe(0o600);
    expect(await rows(place, place.noKey)).toBe(1);
  });

  it('36. that was restored open to everybody is closed when it is next used', async () => {
    const place = await vaultWith({});
    await chmod(place.key.fallbackKeyFile, 0o644);
    expect(await rows(place, place.key)).toBe(1);
    expect((await stat(place.key.fallbackKeyFile)).mode & 0o777).toBe(0o600);
  });

  it('97. that somebody else could have put there is refused, and the folder for a new one is closed to others', async () => {
    const place = await vaultWith({});
    const folder = path.dirname(place.key.fallbackKeyFile);
    await chmod(folder, 0o777);
    await expect(place.open({ key: place.key })).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(`lies below ${folder}, which can be written by other users`),
    });
    await rm(place.key.fallbackKeyFile);
    const other = vaultFolder();
    await (await other.open({ key: { ...other.noKey, fallbackKeyFile: place.key.fallbackKeyFile } })).close();
    expect((await stat(folder)).mode & 0o777).toBe(0o755);
  });

  it('that is gone is key_missing, and no new one is made', async () => {
    const place = await vaultWith({});
    await rm(place.noKey.fallbackKeyFile);
    await expect(place.open({ key: place.noKey })).rejects.toMatchObject({ code: 'key_missing' });
    expect(await readdir(path.dirname(place.noKey.fallbackKeyFile))).toEqual([]);
  });

  it('of another vault is key_wrong', async () => {
    const [place, other] = [await vaultWith({}), await vaultWith({})];
    const key = { ...place.noKey, fallbackKeyFile: other.noKey.fallbackKeyFile };
    await expect(place.open({ key })).rejects.toMatchObject({ code: 'key_wrong' });
  });

  it('serves a second vault as it is', async () => {
    const first = await vaultWith({});
    const before = await readFile(first.noKey.fallbackKeyFile, 'utf8');
    const second = vaultFolder();
    await (await second.open({ key: first.noKey })).close();
    expect(await readFile(first.noKey.fallbackKeyFile, 'utf8')).toBe(before);
  });

  it('is refused beside the vault', async () => {
    const place = vaultFolder();
    const key = { ...place.noKey, fallbackKeyFile: path.join(place.data, 'vault.key') };
    await expect(place.open({ key })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('112. is not made where a server would have it below the same folder as its vault, and opens one that has it', async () => {
    const place = vaultFolder();
    const refused = place.open({ key: { ...place.noKey, noKeyFile: true } });
    await expect(refused).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('KEYWARD_HOME'),
    });
    expect(await readdir(place.data)).not.toContain('vault.json');
    const made = await vaultWith({});
    const key = { ...made.noKey, noKeyFile: true };
    const store = await made.open({ key });
    expect(await outerKeyAdvice(store.keys.outer, key)).toContain('keyward key rewrap');
    expect(await outerKeyAdvice(store.keys.outer, made.noKey)).toBeUndefined();
  });

  it('opens its vault on another computer as KEYWARD_KEY_FILE', async () => {
    const place = await vaultWith({});
    const key = { ...place.noKey, keyFile: place.noKey.fallbackKeyFile, fallbackKeyFile: '/nowhere/vault.key' };
    expect(await rows(place, key)).toBe(1);
  });
});

describe('the keychain', () => {
  it('keeps the key of a new vault, and no key file is made', async () => {
    const keychain = memoryKeychain();
    const place = await vaultWith({}, keychain);
    expect(keychain.entries.size).toBe(1);
    expect(await readdir(place.root)).toEqual(['data']);
    expect(await rows(place, place.noKey, keychain)).toBe(1);
  });

  it('that denies, has lost or cannot reach the key makes it key_missing, never a new key', async () => {
    const keychain = memoryKeychain();
    const place = await vaultWith({}, keychain);
    const denying: Keychain[] = [
      memoryKeychain(),
      { ...keychain, get: () => Promise.reject(new Error('denied')) },
      { ...keychain, get: async () => randomBytes(5) },
    ];
    for (const other of [...denying, null]) {
      await expect(place.open({ key: place.noKey, keychain: other })).rejects.toMatchObject({ code: 'key_missing' });
    }
    await expect(
      place.open({ key: place.noKey, keychain: { ...keychain, get: async () => randomBytes(32) } }),
    ).rejects.toMatchObject({ code: 'key_wrong' });
    expect(await readdir(place.root)).toEqual(['data']);
    expect(await rows(place, place.noKey, keychain)).toBe(1);
  });

  it('that does not give back what it took is not trusted with a new vault: a key file is made', async () => {
    const unreliable: Keychain[] = [
      { get: async () => null, set: async () => undefined },
      { get: async () => randomBytes(32), set: async () => undefined },
      { get: async () => null, set: () => Promise.reject(new Error('no secret service')) },
    ];
    for (const keychain of unreliable) {
      const place = await vaultWith({}, keychain);
      expect(await rows(place, place.noKey)).toBe(1);
    }
  });

  it('of this system either keeps a key or leads to a key file', async () => {
    const place = await vaultWith({}, osKeychain());
    const vaultId = /"vaultId":"([^"]+)"/.exec(await readFile(place.file, 'utf8'))?.[1] ?? '';
    // Where there is a keychain, the entry is removed; where there is none, even this fails.
    const remove = async () => {
      await new AsyncEntry('keyward', vaultId, { linux: { store: 'secret-service' } }).deleteCredential();
    };
    onTestFinished(() => remove().catch(() => undefined));
    expect(await rows(place, place.noKey, osKeychain())).toBe(1);
  });
});
