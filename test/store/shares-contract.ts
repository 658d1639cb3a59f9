/** What every store promises about shared credentials. Each implementation runs this suite. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Owner } from '../../src/principal.ts';
import type { CredentialRow, Share, Store } from '../../src/store/store.ts';
import { reading } from '../support/principals.ts';

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
        [otherBob, [own, wide]],
        [{ tenant: 'third', user: 'bob' }, []],
      ];
      for (const [owner, visible] of expected) {
        const reader = reading(owner, { trusted: ['acme', 'third'] });
        expect(await store.listVisible(reader, {}, { limit: 10 })).toEqual(visible);
        for (const row of [direct, wide, own, unshared]) {
          expect(await store.findVisible(reader, row.id)).toEqual(visible.includes(row) ? row : undefined);
        }
      }
      // Trusting another tenant than the owner's, or none, lets nothing cross.
      for (const reader of [reading(cleo), reading(cleo, { trusted: ['third', 'other'], offers: true })]) {
        expect(await store.listVisible(reader, {}, { limit: 10 })).toEqual([]);
        expect(await store.findVisible(reader, wide.id)).toBeUndefined();
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
      const visible = async (owner: Owner) => {
        const reader = reading(owner, { trusted: ['acme'] });
        return (await store.listVisible(reader, {}, { limit: 5 })).map(({ id }) => id);
      };
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
      expect(await store.listVisible(reading(dora), { connectorId: 'github' }, { limit: 5 })).toEqual([]);
      await store.commit([{ op: 'delete', kind: 'credential', owner: dora, id: elsewhere.id, ifVersion: 1 }]);
      await store.commit([shared, other, own].map((row) => ({ op: 'insert', kind: 'credential', row })));
      const place = (row: CredentialRow, shared: boolean) => ({ createdAt: row.createdAt, id: row.id, shared });
      const page = (limit: number, after?: ReturnType<typeof place>) =>
        store.listVisible(reading(dora), {}, { limit, ...(after && { after }) });
      expect(await page(1)).toEqual([own]);
      expect(await page(1, place(own, false))).toEqual([shared]);
      expect(await page(1, place(shared, true))).toEqual([other]);
      expect(await page(5, place(other, true))).toEqual([]);
      expect(await store.listVisible(reading(dora), { connectorId: 'github' }, { limit: 5 })).toEqual([own, shared]);

      const withdrawn = { ...shared, shares: [], version: 2 };
      await store.commit([
        { op: 'update', kind: 'credential', row: withdrawn, ifVersion: 1 },
        { op: 'delete', kind: 'credential', owner: ann, id: other.id, ifVersion: 1 },
      ]);
      expect(await store.listVisible(reading(dora), {}, { limit: 5 })).toEqual([own]);
      expect(await store.findVisible(reading(dora), shared.id)).toBeUndefined();
    });

    it('74. with another tenant reach those who took them where offers are allowed, and nobody else', async () => {
      const store = await open();
      const gus: Owner = { tenant: 'globex', user: 'gus' };
      const hal: Owner = { tenant: 'globex', user: 'hal' };
      const offer = { with: 'tenant:globex', permission: 'use', offeredAt: 1 } as const;
      const waiting = rowOf(ann, 1, [offer]);
      const taken = rowOf(ann, 2, [
        { with: 'user:gus', permission: 'view' },
        { ...offer, takenBy: ['gus'] },
      ]);
      await store.commit([waiting, taken].map((row) => ({ op: 'insert', kind: 'credential', row })));
      const visible = (owner: Owner, offers: boolean, trusted: string[] = []) =>
        store.listVisible(reading(owner, { offers, trusted }), {}, { limit: 5 });
      expect(await visible(gus, true)).toEqual([taken]);
      expect(await visible(gus, true, ['acme'])).toEqual([waiting, taken]);
      // Of one name in two tenants, or with the operator against it, nothing crosses.
      for (const nobody of [hal, { ...gus, tenant: 'third' }]) expect(await visible(nobody, true)).toEqual([]);
      expect(await visible(gus, false)).toEqual([]);
      expect(await store.listOffered('globex', { limit: 5 })).toEqual([waiting, taken]);
      expect(await store.listOffered('globex', { limit: 5, after: waiting })).toEqual([taken]);
      for (const tenant of ['acme', 'third', '']) expect(await store.listOffered(tenant, { limit: 5 })).toEqual([]);
      const returned = { ...taken, shares: [offer], version: 2 };
      await store.commit([{ op: 'update', kind: 'credential', row: returned, ifVersion: 1 }]);
      expect(await visible(gus, true)).toEqual([]);
      expect(await store.listOffered('globex', { limit: 5 })).toEqual([waiting, returned]);
    });

    it('76. come after the reader’s own in every list, each once, whatever the page size', async () => {
      const store = await open();
      let round = 0;
      const kinds = ['own', 'user', 'tenant', 'both', 'pair', 'taken', 'all', 'none'] as const;
      const scene = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(3)), { maxLength: 12 });
      await fc.assert(
        fc.asyncProperty(scene, fc.integer({ min: 1, max: 5 }), async (rows, limit) => {
          round += 1;
          const [tenant, near, far] = [`home${round}`, `near${round}`, `far${round}`];
          const me: Owner = { tenant, user: 'me' };
          const grants: Record<(typeof kinds)[number], readonly [Owner, readonly Share[]]> = {
            own: [me, [{ with: `tenant:${tenant}`, permission: 'use' }]],
            user: [{ tenant, user: 'bob' }, [{ with: 'user:me', permission: 'view' }]],
            tenant: [{ tenant, user: 'bob' }, [{ with: `tenant:${tenant}`, permission: 'view' }]],
            both: [
              { tenant, user: 'bob' },
              [
                { with: 'user:me', permission: 'use' },
                { with: `tenant:${tenant}`, permission: 'view' },
              ],
            ],
            pair: [{ tenant: near, user: 'cleo' }, [{ with: `tenant:${tenant}`, permission: 'use' }]],
            taken: [
              { tenant: far, user: 'dora' },
              [{ with: `tenant:${tenant}`, permission: 'use', takenBy: ['you', 'me'] }],
            ],
            all: [{ tenant: near, user: 'cleo' }, [{ with: `tenant:${tenant}`, permission: 'use', takenBy: ['me'] }]],
            none: [{ tenant: far, user: 'dora' }, [{ with: `tenant:${tenant}`, permission: 'use', takenBy: ['you'] }]],
          };
          const stored = rows.map(([kind, at]) => ({ kind, row: rowOf(grants[kind][0], at, grants[kind][1]) }));
          await store.commit(stored.map(({ row }) => ({ op: 'insert', kind: 'credential', row })));
          const order = (own: boolean) =>
            stored
              .filter(({ kind }) => kind !== 'none' && (kind === 'own') === own)
              .map(({ row }) => row)
              .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
          const reader = reading(me, { trusted: [near], offers: true });
          const seen: string[] = [];
          for (let after: { shared: boolean; createdAt: number; id: string } | undefined; ; ) {
            const page = await store.listVisible(reader, {}, { limit, ...(after && { after }) });
            seen.push(...page.map(({ id }) => id));
            const last = page.at(-1);
            if (page.length < limit || last === undefined) break;
            after = { shared: last.tenant !== tenant || last.owner !== 'me', createdAt: last.createdAt, id: last.id };
          }
          expect(seen).toEqual([...order(true), ...order(false)].map(({ id }) => id));
        }),
        { numRuns: 40 },
      );
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
