import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openJsonStore } from '../../src/store/json/json-store.ts';
import { isOwnedBy, isSharedWith, offerTo, type Reader } from '../../src/store/sharing.ts';
import type { CredentialRow, Share, Store } from '../../src/store/store.ts';
import { credentialRow } from '../support/vault/rows.ts';

const tenants = ['acme', 'globex'];
const users = ['ann', 'bob'];
const owners = tenants.flatMap((tenant) => users.map((user) => ({ tenant, user })));
const readers: Reader[] = owners.flatMap((owner) =>
  [true, false].map((offers) => ({ ...owner, offers, trusted: offers ? [] : tenants })),
);

const share = fc.record({
  with: fc.constantFrom(...tenants.map((one) => `tenant:${one}`), ...users.map((one) => `user:${one}`)),
  permission: fc.constantFrom('view', 'use') as fc.Arbitrary<Share['permission']>,
  takenBy: fc.subarray(users),
});
const step = fc.record({
  which: fc.nat(5),
  what: fc.constantFrom('insert', 'shares', 'remove'),
  owner: fc.constantFrom(...owners),
  // A clock that was set back makes an older row come later.
  createdAt: fc.nat(3),
  shares: fc.array(share, { maxLength: 3 }),
  connectorId: fc.constantFrom('github', 'slack'),
});

/** Every row once, in the order of lists. */
function sorted(rows: readonly CredentialRow[]): string[] {
  return [...rows].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
}

async function pagesOf(read: (after: CredentialRow | undefined) => Promise<CredentialRow[]>): Promise<CredentialRow[]> {
  const all: CredentialRow[] = [];
  for (;;) {
    const page = await read(all.at(-1));
    if (page.length === 0) return all;
    all.push(...page);
  }
}

async function expectLists(store: Store, stored: readonly CredentialRow[]): Promise<void> {
  for (const reader of readers) {
    const own = stored.filter((row) => isOwnedBy(row, reader));
    const shared = stored.filter((row) => !isOwnedBy(row, reader) && isSharedWith(row, reader));
    for (const connectorId of [undefined, 'github']) {
      const filter = connectorId === undefined ? {} : { connectorId };
      const fits = (row: CredentialRow) => connectorId === undefined || row.connectorId === connectorId;
      const listed = await pagesOf((after) =>
        store.list('credential', reader, filter, { limit: 2, ...(after && { after }) }),
      );
      expect(listed.map(({ id }) => id)).toEqual(sorted(own.filter(fits)));
      const visible = await pagesOf((after) =>
        store.listVisible(reader, filter, {
          limit: 2,
          ...(after && { after: { ...after, shared: !isOwnedBy(after, reader) } }),
        }),
      );
      expect(visible.map(({ id }) => id)).toEqual([...sorted(own.filter(fits)), ...sorted(shared.filter(fits))]);
    }
    const offered = await pagesOf((after) => store.listOffered(reader.tenant, { limit: 2, ...(after && { after }) }));
    expect(offered.map(({ id }) => id)).toEqual(
      sorted(stored.filter((row) => offerTo(row, reader.tenant) !== undefined)),
    );
  }
}

it('lists, page by page, what a walk through every row finds, whatever was stored, shared and deleted before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-shelves-'));
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, reopens) => {
        const place = { path: join(folder, randomBytes(8).toString('hex'), 'vault.json'), keychain: null };
        const key = { key: randomBytes(32).toString('base64'), fallbackKeyFile: join(folder, 'key'), keychain: false };
        let store = await openJsonStore({ ...place, key });
        const rows = new Map<number, CredentialRow>();
        for (const { which, what, owner, createdAt, shares, connectorId } of steps) {
          const before = rows.get(which);
          if (what === 'insert' && before === undefined) {
            const row = credentialRow({ tenant: owner.tenant, owner: owner.user, createdAt, shares, connectorId });
            await store.commit([{ op: 'insert', kind: 'credential', row }]);
            rows.set(which, row);
          } else if (what === 'shares' && before !== undefined) {
            const row = { ...before, shares, version: before.version + 1 };
            await store.commit([{ op: 'update', kind: 'credential', row, ifVersion: before.version }]);
            rows.set(which, row);
          } else if (what === 'remove' && before !== undefined) {
            const by = { tenant: before.tenant, user: before.owner };
            await store.commit([
              { op: 'delete', kind: 'credential', owner: by, id: before.id, ifVersion: before.version },
            ]);
            rows.delete(which);
          }
        }
        if (reopens) {
          await store.close();
          store = await openJsonStore({ ...place, key });
          // The first that is asked for is what comes behind a row that nobody has read yet.
          for (const after of [...rows.values()].slice(-1)) {
            const by = { tenant: after.tenant, user: after.owner };
            const own = sorted([...rows.values()].filter((row) => isOwnedBy(row, by)));
            const listed = await store.list('credential', by, {}, { limit: 9, after });
            expect(listed.map(({ id }) => id)).toEqual(own.slice(own.indexOf(after.id) + 1));
          }
        }
        await expectLists(store, [...rows.values()]);
        await store.close();
      }),
      { numRuns: 40 },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
