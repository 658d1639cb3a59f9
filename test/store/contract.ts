/** What every store promises. Each implementation runs this suite. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SessionRow } from '../../src/store/sign-in-rows.ts';
import type { CredentialRow, ListFilter, Store } from '../../src/store/store.ts';
import { ann, approvalRow, attemptRow, bob, credentialRow } from '../support/vault/vault-folder.ts';

async function listed<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
}

/** `openFresh` makes an empty store and answers a function that opens it: each call is like another process. */
export function runStoreContract(name: string, openFresh: () => Promise<() => Promise<Store>>): void {
  describe(`a store (${name})`, () => {
    let open: () => Promise<Store>;
    let store: Store;
    beforeEach(async () => {
      open = await openFresh();
      store = await open();
    });

    const insert = (row: CredentialRow) => ({ op: 'insert' as const, kind: 'credential' as const, row });
    const update = (row: CredentialRow) => ({
      op: 'update' as const,
      kind: 'credential' as const,
      row: { ...row, version: row.version + 1 },
      ifVersion: row.version,
    });
    const remove = (row: CredentialRow, owner = ann) => ({
      op: 'delete' as const,
      kind: 'credential' as const,
      owner,
      id: row.id,
      ifVersion: row.version,
    });
    const read = (row: { id: string }) => store.get('credential', ann, row.id);

    it('answers a row as it was committed, to its owner and to nobody else', async () => {
      const row = credentialRow({ inputs: { shop: 'ü "quoted"\n' }, expiresAt: 1 });
      await store.commit([insert(row)]);
      expect(await read(row)).toEqual(row);
      expect(await store.get('credential', bob, row.id)).toBeUndefined();
      expect(await store.get('credential', { ...ann, tenant: 'other' }, row.id)).toBeUndefined();
      expect(await store.get('authConfig', ann, row.id)).toBeUndefined();
    });

    it('keeps what only some rows have: when a person is needed, and how and where an OAuth client was registered', async () => {
      const row = credentialRow({ grantedAt: 1_700_000_000_000, reconnectBy: null });
      const registration = {
        redirectUri: 'http://127.0.0.1/cb',
        tokenEndpointAuthMethod: 'none' as const,
        expiresAt: null,
      };
      const { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt } = credentialRow();
      const columns = { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt };
      const about = { connectorId: 'mcp-server', name: 'auth.example', clientId: 'c', scopes: null };
      const client = { ...columns, ...about, server: 'https://auth.example', hosts: ['auth.example'], registration };
      await store.commit([insert(row), { op: 'insert', kind: 'authConfig', row: client }]);
      expect(await read(row)).toEqual(row);
      expect(await store.get('authConfig', ann, client.id)).toEqual(client);
    });

    it('13. compares ids exactly', async () => {
      const row = credentialRow({ id: 'abcdef00-0000-4000-8000-000000000000' });
      await store.commit([insert(row)]);
      const others = [
        row.id.toUpperCase(),
        `${row.id} `,
        `../${row.id}`,
        `%61${row.id.slice(1)}`,
        `ａ${row.id.slice(1)}`,
        '',
        '__proto__',
      ];
      for (const id of others) expect(await store.get('credential', ann, id)).toBeUndefined();
    });

    it('keeps kinds apart, even under one id', async () => {
      const credential = credentialRow();
      const attempt = attemptRow({ id: credential.id });
      await store.commit([insert(credential), { op: 'insert', kind: 'attempt', row: attempt }]);
      expect(await read(credential)).toEqual(credential);
      expect(await store.get('attempt', ann, attempt.id)).toEqual(attempt);
    });

    it('is not changed by whoever changes a row object afterwards', async () => {
      const row = credentialRow({ inputs: { a: 'b' }, scopes: ['repo'] });
      await store.commit([insert(row)]);
      (row.inputs as Record<string, string>).a = 'changed';
      (row.scopes as string[]).push('admin');
      expect(await read(row)).toMatchObject({ inputs: { a: 'b' }, scopes: ['repo'] });
    });

    it('answers a request for approval to its owner alone, and lets one of many answers win', async () => {
      const row = approvalRow();
      await store.commit([{ op: 'insert', kind: 'approval', row }]);
      expect(await store.get('approval', ann, row.id)).toEqual(row);
      expect(await store.get('approval', bob, row.id)).toBeUndefined();
      expect(await store.list('approval', bob, {}, { limit: 5 })).toEqual([]);
      const change = (status: 'approved' | 'denied') =>
        store.commit([{ op: 'update', kind: 'approval', row: { ...row, status, version: 2 }, ifVersion: 1 }]);
      const answers = await Promise.allSettled([change('approved'), change('denied'), change('approved')]);
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await store.list('approval', ann, {}, { limit: 5 })).toMatchObject([{ id: row.id, version: 2 }]);
    });

    it('finds an attempt whoever owns it, and no other kind that way', async () => {
      const attempt = attemptRow({ owner: 'bob' });
      const credential = credentialRow();
      await store.commit([{ op: 'insert', kind: 'attempt', row: attempt }, insert(credential)]);
      expect(await store.findAttempt(attempt.id)).toEqual(attempt);
      expect(await store.findAttempt(credential.id)).toBeUndefined();
    });

    it('finds a session whoever owns it, lists those of everybody page by page, and no other kind that way', async () => {
      const rows = Array.from({ length: 5 }, (_, at): SessionRow => {
        const { id, tenant, version, secretVersion, sealed, updatedAt } = credentialRow();
        const common = { id, tenant, version, secretVersion, sealed, updatedAt };
        const session = { hash: 'ab', scopes: ['credentials:read'], expiresAt: null };
        // Two of them are made in the same millisecond; ids are random.
        return { ...common, ...session, owner: `user ${at}`, createdAt: 1_000 - Math.floor(at / 2) };
      });
      await store.commit(rows.map((row) => ({ op: 'insert', kind: 'session', row })));
      const attempt = attemptRow();
      await store.commit([insert(credentialRow()), { op: 'insert', kind: 'attempt', row: attempt }]);
      const expected = rows.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      const first = await store.listTokens('session', { limit: 2 });
      expect(first).toEqual(expected.slice(0, 2));
      const after = first[1];
      expect(await store.listTokens('session', { limit: 9, ...(after && { after }) })).toEqual(expected.slice(2));
      for (const row of rows) expect(await store.findSession(row.id)).toEqual(row);
      expect(await store.findSession(attempt.id)).toBeUndefined();
      const [used] = rows;
      if (used === undefined) throw new Error('There is none.');
      await store.touch(new Map([[used.id, { owner: { tenant: used.tenant, user: used.owner }, at: 5 }]]));
      await store.touch(new Map([[used.id, { owner: bob, at: 9 }]]));
      expect(await store.findSession(used.id)).toEqual({ ...used, lastUsedAt: 5 });
      for (const kind of ['assistant', 'visit'] as const)
        expect(await store.listTokens(kind, { limit: 9 })).toEqual([]);
    });

    it('finds a passkey whoever owns it, and no other kind that way; forgets used challenges when their time is over', async () => {
      const { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt } = credentialRow({
        owner: 'bob',
      });
      const common = { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt };
      const passkey = { ...common, name: 'Laptop', counter: 3, usedAt: null, copiedAt: null };
      const credential = credentialRow();
      const used = [100, 200].map((expiresAt) => ({ ...common, id: randomUUID(), expiresAt }));
      await store.commit([
        insert(credential),
        { op: 'insert', kind: 'passkey', row: passkey },
        ...used.map((row) => ({ op: 'insert' as const, kind: 'usedChallenge' as const, row })),
      ]);
      expect(await store.findPasskey(id)).toEqual(passkey);
      expect(await store.findPasskey(credential.id)).toBeUndefined();
      expect(await store.get('passkey', ann, id)).toBeUndefined();
      await store.purge('usedChallenge', 200);
      expect(await store.list('usedChallenge', bob, {}, { limit: 10 })).toEqual([used[1]]);
      const taken = { ...passkey, owner: 'ann' };
      const again = store.commit([{ op: 'insert', kind: 'passkey', row: taken }]);
      await expect(again).rejects.toMatchObject({ code: 'conflict' });
    });

    it('stores all of a change set or nothing', async () => {
      const [kept, lost] = [credentialRow(), credentialRow()];
      await store.commit([insert(kept)]);
      await expect(store.commit([insert(lost), update(kept), insert(kept)])).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(await read(lost)).toBeUndefined();
      expect(await read(kept)).toEqual(kept);
    });

    it('lets later changes of one set build on earlier ones', async () => {
      const row = credentialRow();
      await store.commit([insert(row), update(row), remove({ ...row, version: 2 })]);
      expect(await read(row)).toBeUndefined();
    });

    it('refuses to change or delete what has another version, another owner, or is not there', async () => {
      const row = credentialRow();
      await store.commit([insert(row)]);
      const wrong = [
        [insert(row)],
        [update({ ...row, version: 2 })],
        [update({ ...row, owner: 'bob' })],
        [update(credentialRow())],
        [remove({ ...row, version: 2 })],
        [remove(row, bob)],
        [remove(credentialRow())],
      ];
      for (const changes of wrong) await expect(store.commit(changes)).rejects.toMatchObject({ code: 'conflict' });
      expect(await read(row)).toEqual(row);
    });

    it('lets exactly one of many concurrent changes of a row win, and none of the others fail their neighbours', async () => {
      const row = credentialRow();
      await store.commit([insert(row)]);
      const others = Array.from({ length: 20 }, () => credentialRow());
      const racing = Array.from({ length: 20 }, (_, at) => store.commit([update({ ...row, name: `n${at}` })]));
      const [raced, inserted] = await Promise.all([
        Promise.allSettled(racing),
        Promise.allSettled(others.map((other) => store.commit([insert(other)]))),
      ]);
      expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(inserted.every(({ status }) => status === 'fulfilled')).toBe(true);
      expect((await store.list('credential', ann, {}, { limit: 100 })).length).toBe(21);
    });

    it('lists what the owner has, in a stable order, page by page, each row once', async () => {
      const rows = Array.from({ length: 25 }, (_, at) => credentialRow({ createdAt: 1000 + Math.floor(at / 5) }));
      for (const row of [...rows].reverse()) await store.commit([insert(row)]);
      await store.commit([insert(credentialRow({ owner: 'bob' })), insert(credentialRow({ tenant: 'other' }))]);
      const expected = rows.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
      const seen: string[] = [];
      for (let page: CredentialRow[] = []; ; ) {
        const last = page.at(-1);
        page = await store.list('credential', ann, {}, { limit: 7, ...(last && { after: last }) });
        seen.push(...page.map(({ id }) => id));
        expect(page.length).toBeLessThanOrEqual(7);
        if (page.length < 7) break;
      }
      expect(seen).toEqual(expected);
    });

    it('lists by connector and by status', async () => {
      const slack = credentialRow({ connectorId: 'slack' });
      const broken = credentialRow({ status: 'reconnect_required' });
      await store.commit([insert(slack), insert(broken)]);
      const ids = async (filter: ListFilter) =>
        (await store.list('credential', ann, filter, { limit: 10 })).map(({ id }) => id);
      expect(await ids({ connectorId: 'slack' })).toEqual([slack.id]);
      expect(await ids({ status: 'reconnect_required' })).toEqual([broken.id]);
      expect(await ids({ connectorId: 'slack', status: 'reconnect_required' })).toEqual([]);
      await store.commit([update({ ...slack, status: 'reconnect_required' })]);
      expect(await ids({ status: 'active' })).toEqual([]);
      expect(await ids({ connectorId: 'slack', status: 'reconnect_required' })).toEqual([slack.id]);
    });

    it('notes a use without touching versions, never backwards, and not for another owner', async () => {
      const row = credentialRow();
      await store.commit([insert(row)]);
      const touch = (at: number, owner = ann) => store.touch(new Map([[row.id, { owner, at }]]));
      await touch(200);
      await touch(100);
      await touch(300, bob);
      await store.touch(new Map([[randomUUID(), { owner: ann, at: 1 }]]));
      expect(await read(row)).toEqual({ ...row, lastUsedAt: 200 });
      await store.commit([update(row)]);
      expect(await read(row)).toMatchObject({ version: 2, lastUsedAt: 200 });
    });

    it('scans every record of every kind and owner once, however many there are', async () => {
      const rows = Array.from({ length: 320 }, (_, at) => ({ owner: at % 2 === 0 ? 'ann' : 'bob' }));
      await store.commit([
        ...rows.map((one) => insert(credentialRow(one))),
        ...rows.map((one) => ({ op: 'insert' as const, kind: 'attempt' as const, row: attemptRow(one) })),
      ]);
      const seen: string[] = [];
      for await (const { kind, row } of store.scan()) seen.push(`${kind} ${row.id}`);
      expect([seen.length, new Set(seen).size]).toEqual([640, 640]);
    });

    it('seals anew exactly the boxes that are named and are still as they were, and changes no version', async () => {
      const [credential, neighbour] = [credentialRow({ sealed: 'b2xk' }), credentialRow({ sealed: 'b2xk' })];
      const attempt = attemptRow({ id: credential.id, sealed: 'b2xk' });
      await store.commit([insert(credential), insert(neighbour), { op: 'insert', kind: 'attempt', row: attempt }]);
      const box = { kind: 'credential' as const, id: credential.id, to: 'bmV3' };
      await store.reseal([{ ...box, owner: ann, from: 'b3RoZXI=' }]);
      await store.reseal([{ ...box, owner: bob, from: 'b2xk' }]);
      expect(await read(credential)).toEqual(credential);
      await store.reseal([{ ...box, owner: ann, from: 'b2xk' }]);
      expect(await read(credential)).toEqual({ ...credential, sealed: 'bmV3' });
      expect(await read(neighbour)).toEqual(neighbour);
      expect(await store.get('attempt', ann, attempt.id)).toEqual(attempt);
    });

    it('notes a use of the credential alone, not of what else has its id', async () => {
      const row = credentialRow();
      const attempt = attemptRow({ id: row.id });
      await store.commit([insert(row), { op: 'insert', kind: 'attempt', row: attempt }]);
      await store.touch(new Map([[row.id, { owner: ann, at: 5_000 }]]));
      expect(await read(row)).toEqual({ ...row, lastUsedAt: 5_000 });
      expect(await store.get('attempt', ann, attempt.id)).toEqual(attempt);
    });

    it('deletes attempts that expired, and nothing else', async () => {
      const attempts = [attemptRow({ expiresAt: 100 }), attemptRow({ expiresAt: 200 })];
      const credential = credentialRow({ expiresAt: 1 });
      await store.commit([
        insert(credential),
        ...attempts.map((row) => ({ op: 'insert' as const, kind: 'attempt' as const, row })),
      ]);
      await store.purge('attempt', 200);
      await store.purge('attempt', 200);
      expect(await Promise.all(attempts.map(({ id }) => store.findAttempt(id)))).toEqual([undefined, attempts[1]]);
      expect(await read(credential)).toEqual(credential);
    });

    it('83. deletes replaced secrets whose day is over, and neither their credentials nor attempts', async () => {
      const credential = credentialRow();
      const attempt = attemptRow({ expiresAt: 100 });
      const { connectorId, account, inputs, scopes, authConfigId, obtainedBy, ...rest } = credential;
      const { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt } = rest;
      const columns = { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt };
      const of = { connectorId, account, inputs, scopes, authConfigId, obtainedBy, client: null, replacedAt: 1 };
      const kept = [
        { ...columns, ...of, expiresAt: 100 },
        { ...columns, ...of, id: randomUUID(), expiresAt: 200 },
      ];
      await store.commit([
        insert(credential),
        { op: 'insert', kind: 'attempt', row: attempt },
        ...kept.map((row) => ({ op: 'insert' as const, kind: 'replacedSecret' as const, row })),
      ]);
      await store.purge('replacedSecret', 200);
      const left = await store.list('replacedSecret', ann, {}, { limit: 10 });
      expect(left).toEqual([kept[1]]);
      expect(await read(credential)).toEqual(credential);
      expect(await store.findAttempt(attempt.id)).toEqual(attempt);
      await store.purge('attempt', 200);
      expect(await store.list('replacedSecret', ann, {}, { limit: 10 })).toEqual([kept[1]]);
    });

    it('shows at once what another process committed, and compares with that', async () => {
      const other = await open();
      const row = credentialRow();
      await store.commit([insert(row)]);
      expect(await other.get('credential', ann, row.id)).toEqual(row);
      await other.commit([update(row)]);
      expect((await read(row))?.version).toBe(2);
      await expect(store.commit([update(row)])).rejects.toMatchObject({ code: 'conflict' });
    });

    it('still has everything when it is opened again', async () => {
      const row = credentialRow();
      await store.commit([insert(row)]);
      await store.close();
      const again = await open();
      expect(await again.get('credential', ann, row.id)).toEqual(row);
      expect(again.keyring).toEqual(store.keyring);
    });

    it('lets one holder of a lease in at a time, in one process and across processes', async () => {
      const stores = [store, await open()];
      let inside = 0;
      let most = 0;
      const work = async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(5);
        inside -= 1;
        return 'done';
      };
      const held = [0, 1, 2, 3, 4, 5].map((at) => stores[at % 2]?.withLease('refresh:1', { waitMs: 10_000 }, work));
      expect(await Promise.all(held)).toEqual(Array(6).fill('done'));
      expect(most).toBe(1);
    });

    it('frees a lease when its work fails, and passes the error on', async () => {
      const failing = store.withLease('a', { waitMs: 0 }, () => Promise.reject(new RangeError('mine')));
      await expect(failing).rejects.toThrow(RangeError);
      expect(await store.withLease('a', { waitMs: 0 }, async () => 1)).toBe(1);
    });

    it('gives up on a lease after its time, and at once when cancelled', async () => {
      const other = await open();
      const controller = new AbortController();
      await other.withLease('a', { waitMs: 0 }, async () => {
        await expect(store.withLease('a', { waitMs: 30 }, async () => 1)).rejects.toMatchObject({ code: 'vault_busy' });
        const waiting = store.withLease('a', { waitMs: 60_000, signal: controller.signal }, async () => 1);
        controller.abort();
        await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
      });
    });

    it('129. lets nobody pass a quota, however many insert at once and through whichever process', async () => {
      const other = await open();
      const within = { rows: 10, bytes: 100_000 };
      const inserts = Array.from({ length: 60 }, (_, at) =>
        (at % 2 === 0 ? store : other).commit([{ ...insert(credentialRow()), within }]),
      );
      const done = await Promise.allSettled(inserts);
      expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
      for (const one of done)
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'limit_reached' });
      expect(await store.held('credential', ann)).toMatchObject({ rows: 10 });
      // Others, other kinds, updates, and what has to stay within nothing are as free as before.
      const [first] = await store.list('credential', ann, {}, { limit: 1 });
      await store.commit([{ ...insert(credentialRow({ owner: 'bob' })), within }]);
      await store.commit([{ op: 'insert', kind: 'attempt', row: attemptRow(), within }]);
      if (first !== undefined) await store.commit([update(first), insert(credentialRow())]);
      expect(await store.held('credential', ann)).toMatchObject({ rows: 11 });
    });

    it('129. counts what one set inserts, what is open, and bytes; and room that was made can be taken', async () => {
      const [a, b] = [credentialRow(), credentialRow()];
      const two = [a, b].map((row) => ({ ...insert(row), within: { rows: 1 } }));
      await expect(store.commit(two)).rejects.toMatchObject({ code: 'limit_reached' });
      expect(await store.held('credential', ann)).toEqual({ rows: 0, open: 0, bytes: 0 });
      await store.commit([{ ...insert(a), within: { rows: 1 } }]);
      await store.commit([remove(a), { ...insert(b), within: { rows: 1 } }]);

      const within = { rows: 10, open: 1 };
      const attempt = (fields: Parameters<typeof attemptRow>[0] = {}) => ({
        op: 'insert' as const,
        kind: 'attempt' as const,
        row: attemptRow({ expiresAt: Date.now() + 60_000, ...fields }),
        within,
      });
      await store.commit([attempt({ expiresAt: 1 }), attempt({ status: 'failed' }), attempt()]);
      await expect(store.commit([attempt()])).rejects.toMatchObject({ code: 'limit_reached' });
      await store.commit([attempt({ status: 'completed' })]);
      expect(await store.held('attempt', ann)).toMatchObject({ rows: 4, open: 1 });

      const large = credentialRow({ sealed: 'A'.repeat(4_000) });
      const tight = { rows: 10, bytes: 3_000 };
      await expect(store.commit([{ ...insert(large), within: tight }])).rejects.toMatchObject({
        code: 'limit_reached',
      });
    });

    it('129. refuses an update that opens again what was over, past as many as may be open', async () => {
      const within = { rows: 10, open: 1 };
      const soon = Date.now() + 60_000;
      const [over, asked] = [approvalRow({ status: 'used' }), approvalRow({ status: 'pending', expiresAt: soon })];
      await store.commit(
        [over, asked].map((row) => ({ op: 'insert' as const, kind: 'approval' as const, row, within })),
      );
      const again = (row: typeof over, fields: Partial<typeof over>) =>
        store.commit([
          {
            op: 'update',
            kind: 'approval',
            row: { ...row, ...fields, version: row.version + 1 },
            ifVersion: row.version,
            within,
          },
        ]);
      await expect(again(over, { status: 'pending', expiresAt: soon })).rejects.toMatchObject({
        code: 'limit_reached',
      });
      await again(asked, { status: 'denied' });
      await again(over, { status: 'pending', expiresAt: soon });
    });

    it('128. gives each name a lease of its own: two hundred that are held delay no other one', async () => {
      const other = await open();
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const names = Array.from({ length: 200 }, (_, at) => `refresh:slow-${at}`);
      const entered = names.map((name) => {
        let enter = () => {};
        const inside = new Promise<void>((resolve) => {
          enter = resolve;
        });
        const done = other.withLease(name, { waitMs: 10_000 }, async () => {
          enter();
          await released;
        });
        return { inside, done };
      });
      const all = Promise.all(entered.map(({ done }) => done));
      const free = async (name: string) => {
        await Promise.race([all, Promise.all(entered.map(({ inside }) => inside))]);
        return store.withLease(name, { waitMs: 1_000 }, async () => name);
      };
      try {
        expect(await free('refresh:mine')).toBe('refresh:mine');
        await expect(free('refresh:slow-7')).rejects.toMatchObject({ code: 'vault_busy' });
      } finally {
        release();
        await Promise.allSettled(entered.map(({ done }) => done));
      }
    });

    it('keeps audit lines whole and in order, whoever appends them', async () => {
      const other = await open();
      const lines = (who: string, at: number) => [`{"${who}":${at},"a":1}`, `{"${who}":${at},"a":2}`];
      for (let at = 0; at < 20; at++) {
        await Promise.all([store.appendAudit(lines('x', at)), other.appendAudit(lines('y', at))]);
      }
      const read: string[] = [];
      for await (const line of store.readAudit()) read.push(line);
      const of = (who: string) => Array.from({ length: 20 }, (_, at) => lines(who, at)).flat();
      expect(read.filter((line) => line.startsWith('{"x"'))).toEqual(of('x'));
      expect(read.filter((line) => line.startsWith('{"y"'))).toEqual(of('y'));
      expect(read).toHaveLength(80);
    });

    it('139. reads the audit log from any place that a line was read at, and from no other', async () => {
      const lines = Array.from({ length: 30 }, (_, at) => `{"at":${at},"text":"äöü"}`);
      await store.appendAudit(lines);
      const all = await listed(store.readAuditFrom(0));
      expect(all.map(({ line }) => line)).toEqual(lines);
      for (const [index, { at, next }] of all.entries()) {
        const rest = async (place: number) => (await listed(store.readAuditFrom(place))).map(({ line }) => line);
        if (index % 7 !== 0) continue;
        expect(await rest(at)).toEqual(lines.slice(index));
        expect(await rest(next)).toEqual(lines.slice(index + 1));
      }
      expect(await listed(store.readAuditFrom(1_000_000))).toEqual([]);
    });

    it('reads the audit log backwards, from its end or from any place that a line was read at', async () => {
      expect(await listed(store.readAuditBack(null))).toEqual([]);
      // Longer than a block of the file, and lines longer than half of one.
      const lines = Array.from({ length: 700 }, (_, at) =>
        JSON.stringify({ at, text: 'äöü'.repeat(at % 97 ? 30 : 9_000) }),
      );
      await store.appendAudit(lines);
      const all = await listed(store.readAuditFrom(0));
      expect(await listed(store.readAuditBack(null))).toEqual(all.toReversed());
      for (const index of [0, 1, 96, 350, 699]) {
        expect(await listed(store.readAuditBack(all[index]?.at ?? -1))).toEqual(all.slice(0, index).toReversed());
        expect(await listed(store.readAuditBack(all[index]?.next ?? -1))).toEqual(all.slice(0, index + 1).toReversed());
      }
    });

    it('has an empty audit log at first', async () => {
      for await (const line of store.readAudit()) expect(line).toBeUndefined();
    });

    it('answers nothing any more once it is closed', async () => {
      await store.close();
      await expect(store.commit([insert(credentialRow())])).rejects.toMatchObject({ code: 'storage_failed' });
      await expect(read(credentialRow())).rejects.toMatchObject({ code: 'storage_failed' });
    });
  });
}
