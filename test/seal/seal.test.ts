import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { lengthPrefixed } from '../../src/seal/derive.ts';
import { type Keyring, newKeyring, unwrapKeys, wrapKeys } from '../../src/seal/keyring.ts';
import { deriveKey, envelope, open, type SealContext, seal } from '../../src/seal/seal.ts';
import { loadSodium } from '../../src/seal/sodium.ts';

const damaged = expect.objectContaining({ code: 'vault_damaged' });
const context: SealContext = { purpose: 'credential', tenant: 'acme', owner: 'ann', recordId: '1', version: 1 };
const secret = Buffer.from('a secret');
let keyring: Keyring;

beforeAll(async () => {
  await loadSodium();
  keyring = newKeyring();
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
    expect(() => open(newKeyring(), context, sealed)).toThrow(damaged);
    expect(() => open({ ...keyring, vaultId: 'other' }, context, sealed)).toThrow(damaged);
  });

  it('35. never repeats a nonce in a million', () => {
    const nonces = new Set<string>();
    const key = deriveKey(keyring, 'any');
    // Every seal, of a secret and of a row, goes through `envelope`.
    for (let at = 0; at < 1_000_000; at++) {
      // Bytes 8 to 32: whole base64 characters 12 to 42.
      nonces.add(envelope(keyring.currentKeyId, key, secret).slice(12, 42));
    }
    expect(nonces.size).toBe(1_000_000);
  });

  it('stays readable after another data key has become the current one', () => {
    const sealed = seal(keyring, context, secret);
    const next = newKeyring();
    const both = { ...next, vaultId: keyring.vaultId, dataKeys: new Map([...keyring.dataKeys, ...next.dataKeys]) };
    expect(Buffer.from(open(both, context, sealed))).toEqual(secret);
    const resealed = seal(both, context, secret);
    expect(() => open(keyring, context, resealed)).toThrow(damaged);
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
    deriveKey(newKeyring(), 'file'),
  ];
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(4);
  expect(deriveKey(keyring, 'file')).toEqual(keys[0]);
});

describe('wrapped data keys', () => {
  it('come back, several side by side', () => {
    const outer = randomBytes(32);
    const two = { ...keyring, dataKeys: new Map([...keyring.dataKeys, ...newKeyring().dataKeys]) };
    expect(unwrapKeys(two.vaultId, two.currentKeyId, wrapKeys(two, outer), outer)).toEqual(two);
  });

  it('do not open under another key, in another vault or under another id', () => {
    const outer = randomBytes(32);
    const { vaultId, currentKeyId } = keyring;
    const wrapped = wrapKeys(keyring, outer);
    const text = wrapped[currentKeyId] ?? '';
    expect(() => unwrapKeys(vaultId, currentKeyId, wrapped, randomBytes(32))).toThrow(damaged);
    expect(() => unwrapKeys('other', currentKeyId, wrapped, outer)).toThrow(damaged);
    expect(() => unwrapKeys(vaultId, '0011223344556677', { '0011223344556677': text }, outer)).toThrow(damaged);
    expect(() => unwrapKeys(vaultId, '0011223344556677', wrapped, outer)).toThrow(damaged);
  });
});
