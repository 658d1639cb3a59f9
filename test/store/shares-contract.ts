/** What every store promises about shared credentials. Each implementation runs this suite. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Owner } from '../../src/principal.ts';
import type { CredentialRow, Share, Store } from '../../src/store/store.ts';

const ann: Owner = { tenant: 'acme', user: 'ann' };
const bob: Owner = { tenant: 'acme', user: 'bob' };
const cleo: Owner = { tenant: 'other', user: 'cleo' };
const otherBob: Owner = { tenant: 'other', user: 'bob' };

/** `open` answers a store that holds nothing of anybody here. */
export function runSharesContract(name: string, open: () => Promise<Store>): void {
  describe(`shared credentials (${name})`, () => {
    it('are found and listed by those whom a share reaches, and by nobody else', async () => {
      const store = await open();
      const direct = rowOf(ann, 1, [{ with: 'user:bob', permission: 'view' }]);
      const policy = { methods: ['GET', 'POST'], paths: null };
      const wide = { ...rowOf(ann, 2, [{ with: 'tenant:other', permission: 'use', policy }]), policy };
      const own = rowOf(otherBob, 3);
      const unshared = rowOf(ann, 4);
      await store.commit([direct, wide, own, unshared].map((row) => ({ op: 'insert', kind: 'credential', row })));

      const expected: [Owner, CredentialRow[]][] = [
        [ann, [direct, wide, unshared]],
        [bob, [direct]],
        [cleo, [wide]],
        [otherBob, [wide, own]],
        [{ tenant: 'third', user: 'bob' }, []],
      ];
      for (const [owner, visible] of expected) {
        expect(await store.listVisible(owner, {}, { limit: 10 })).toEqual(visible);
        for (const row of [direct, wide, own, unshared]) {
          expect(await store.findVisible(owner, row.id)).toEqual(visible.includes(row) ? row : undefined);
        }
      }
      // Being shared makes nobody an owner.
      expect(await store.list('credential', bob, {}, { limit: 10 })).toEqual([]);
      expect(await store.get('credential', bob, direct.id)).toBeUndefined();
    });

    it('stay shared, each by itself, whatever happens to another one', async () => {
      const store = await open();
      const fay: Owner = { tenant: 'acme', user: 'fay' };
      const withFay = [
        { with: 'user:fay', permission: 'view' },
        { with: 'tenant:other', permission: 'view' },
      ] as const;
      const [first, second, third] = [rowOf(ann, 1, withFay), rowOf(ann, 2, withFay), rowOf(ann, 3, withFay)];
      await store.commit([first, second, third].map((row) => ({ op: 'insert', kind: 'credential', row })));
      const visible = async (owner: Owner) => (await store.listVisible(owner, {}, { limit: 5 })).map(({ id }) => id);
      const update = (row: CredentialRow) =>
        store.commit([{ op: 'update', kind: 'credential', row, ifVersion: row.version - 1 }]);
      await update({ ...first, name: 'Another name', version: 2 });
      for (const owner of [fay, cleo]) expect(await visible(owner)).toEqual([first.id, second.id, third.id]);
      await update({ ...first, shares: [{ with: 'tenant:other', permission: 'view' }], version: 3 });
      expect(await visible(fay)).toEqual([second.id, third.id]);
      await store.commit([{ op: 'delete', kind: 'credential', owner: ann, id: second.id, ifVersion: 1 }]);
      expect(await visible(fay)).toEqual([third.id]);
      expect(await visible(cleo)).toEqual([first.id, third.id]);
    });

    it('page and filter together with the owner’s own, and end when the share or the credential does', async () => {
      const store = await open();
      const shared = rowOf(ann, 1, [{ with: 'user:dora', permission: 'use' }]);
      const other = { ...rowOf(ann, 2, [{ with: 'user:dora', permission: 'view' }]), connectorId: 'gitlab' };
      const dora: Owner = { tenant: 'acme', user: 'dora' };
      const own = rowOf(dora, 3);
      const elsewhere = { ...rowOf(dora, 0), connectorId: 'gitlab' };
      await store.commit([{ op: 'insert', kind: 'credential', row: elsewhere }]);
      expect(await store.listVisible(dora, { connectorId: 'github' }, { limit: 5 })).toEqual([]);
      await store.commit([{ op: 'delete', kind: 'credential', owner: dora, id: elsewhere.id, ifVersion: 1 }]);
      await store.commit([shared, other, own].map((row) => ({ op: 'insert', kind: 'credential', row })));
      const after = { createdAt: shared.createdAt, id: shared.id };
      expect(await store.listVisible(dora, {}, { limit: 1 })).toEqual([shared]);
      expect(await store.listVisible(dora, {}, { limit: 1, after })).toEqual([other]);
      expect(await store.listVisible(dora, {}, { limit: 5, after: own })).toEqual([]);
      expect(await store.listVisible(dora, { connectorId: 'github' }, { limit: 5 })).toEqual([shared, own]);

      const withdrawn = { ...shared, shares: [], version: 2 };
      await store.commit([
        { op: 'update', kind: 'credential', row: withdrawn, ifVersion: 1 },
        { op: 'delete', kind: 'credential', owner: ann, id: other.id, ifVersion: 1 },
      ]);
      expect(await store.listVisible(dora, {}, { limit: 5 })).toEqual([own]);
      expect(await store.findVisible(dora, shared.id)).toBeUndefined();
    });
  });
}

function rowOf(owner: Owner, createdAt: number, shares?: readonly Share[]): CredentialRow {
  return {
    id: randomUUID(),
    tenant: owner.tenant,
    owner: owner.user,
    version: 1,
    secretVersion: 1,
    sealed: 'c2VhbGVk',
    createdAt,
    updatedAt: createdAt,
    connectorId: 'github',
    authenticationType: 'api_key',
    name: 'A credential',
    status: 'active',
    statusReason: null,
    account: null,
    scopes: null,
    inputs: {},
    hosts: ['api.github.com'],
    authConfigId: null,
    obtainedBy: 'rest',
    expiresAt: null,
    refreshedAt: null,
    refreshStartedAt: null,
    lastUsedAt: null,
    ...(shares === undefined ? {} : { shares }),
  };
}
