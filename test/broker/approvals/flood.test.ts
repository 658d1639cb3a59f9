/** A client that asks for many things, or again after a no: how many windows open, and how long it is not heard. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { takeLink } from '../../../src/broker/approvals/link.ts';
import { decide, listFromLink } from '../../../src/broker/approvals/page.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { updateCredential } from '../../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import type { KeywardError } from '../../../src/errors.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import type { Credential } from '../../../src/vault/vault.ts';
import { startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';

const claude: Principal = { ...localPrincipal, client: 'claude' };
const ide: Principal = { ...localPrincipal, client: 'ide' };

let keyward: TestBroker;
let many: Credential[];
beforeAll(async () => {
  const settings = { release: 'approve' } as const;
  keyward = await startBroker({ origin: 'http://127.0.0.1:9', settings, pages: { showLocally: async () => false } });
  many = await Promise.all(Array.from({ length: 10 }, () => storeTokens(keyward.broker, claude, { expiresAt: null })));
});
afterAll(() => keyward.close());
// Files share a process: the next one must find the clock as it is.
afterEach(() => void vi.useRealTimers());
beforeEach(async () => {
  for (const record of await keyward.broker.vault.list('approval', claude, {}, { limit: 500 }))
    await keyward.broker.vault.commit([{ op: 'delete', kind: 'approval', record }]);
});

const refusalOf = (at: number, who = claude): Promise<KeywardError> =>
  getConnectionCredentials(keyward.broker, who, { connectionId: many[at]?.id ?? '' }).then(
    () => Promise.reject(new Error('Not refused.')),
    (error: KeywardError) => error,
  );
const ask = async (at: number, who = claude) => (await refusalOf(at, who)).details.approvalId ?? '';
const answer = (id: string, said: 'once' | 'deny') => decide(keyward.broker, localPrincipal, id, { answer: said });
const linkOf = (id: string, who = claude) => takeLink(keyward.broker, who, id);

describe('85. many requests of one client at the same time', () => {
  it('open three windows and then one list, which has them all', async () => {
    const ids = await Promise.all(many.map((_, at) => ask(at)));
    const links = (await Promise.all(ids.map((id) => linkOf(id)))).filter((link) => link !== null);
    const lists = links.filter((link) => link.endsWith('/all'));
    expect([links.length, lists.length]).toEqual([4, 1]);
    const [, , id = '', token = ''] = new URL(lists[0] ?? '').pathname.split('/');
    const listed = await listFromLink(keyward.broker, { id, token });
    expect(listed.map(({ approvalId }) => approvalId).sort()).toEqual([...ids].sort());
    // Its entries open like a window of their own; the list itself does not open without its token.
    expect(listed.every((one) => one.token?.length === 43)).toBe(true);
    await expect(listFromLink(keyward.broker, { id, token: 'x' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('open no second list while it is open, and a window again once fewer wait', async () => {
    const ids = await Promise.all([0, 1, 2, 3, 4].map((at) => ask(at)));
    for (const id of ids) await linkOf(id);
    expect(await linkOf(await ask(5))).toBeNull();
    for (const id of ids) await answer(id, 'once');
    expect(await linkOf(await ask(6))).not.toMatch(/\/all$/);
  });

  it('leave another client its own windows', async () => {
    for (const at of [0, 1, 2, 3]) await linkOf(await ask(at));
    expect(await linkOf(await ask(4, ide), ide)).not.toMatch(/\/all$/);
  });
});

describe('418. a client that makes its own requests void', () => {
  const own = async () => {
    const one = await storeTokens(keyward.broker, claude, { expiresAt: null });
    many.push(one);
    return { at: many.length - 1, id: one.id };
  };
  const rename = (credentialId: string, name: string) =>
    updateCredential(keyward.broker, claude, { credentialId, name });

  it('by another name each time gets three windows and one list, and is not heard after twenty', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const { at, id } = await own();
    const links: (string | null)[] = [];
    for (let round = 0; round < 20; round += 1) {
      const asked = await ask(at);
      expect(asked).not.toBe('');
      links.push(await linkOf(asked));
      await rename(id, `Name ${round}`);
    }
    const shown = links.filter((link) => link !== null);
    expect([shown.length, shown.filter((link) => link.endsWith('/all')).length]).toEqual([4, 1]);
    expect((await refusalOf(at)).message).toContain('has not answered 20 requests');
    expect((await refusalOf(0)).message).toContain('has not answered 20 requests');
    vi.setSystemTime(Date.now() + 600_001);
    expect(await linkOf(await ask(at))).not.toMatch(/\/all$/);
  });

  it('by deleting the connection gets no further window either', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const links: (string | null)[] = [];
    for (let round = 0; round < 6; round += 1) {
      const { at, id } = await own();
      links.push(await linkOf(await ask(at)));
      await deleteCredential(keyward.broker, claude, { credentialId: id });
    }
    expect(links.filter((link) => link !== null)).toHaveLength(4);
  });

  it('does not count what its owner answered', async () => {
    const { at, id } = await own();
    for (let round = 0; round < 8; round += 1) {
      const asked = await ask(at);
      expect(await linkOf(asked)).not.toMatch(/\/all$/);
      await answer(asked, 'once');
      await getConnectionCredentials(keyward.broker, claude, { connectionId: id });
    }
  });
});

describe('86. a client that was told no', () => {
  const later = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);
  const minutesToldTo = async (at: number) =>
    Number(/for another (\d+) minutes/.exec((await refusalOf(at)).hint ?? '')?.[1] ?? 0);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  });

  it('is not heard for twice as long after each further no, up to four hours, and is told so', async () => {
    const told: number[] = [];
    for (let no = 0; no < 8; no += 1) {
      await answer(await ask(0), 'deny');
      told.push(await minutesToldTo(0));
      later((told.at(-1) ?? 0) + 0.1);
    }
    expect(told).toEqual([5, 10, 20, 40, 80, 160, 240, 240]);
  });

  it('may ask about another matter after a no or two; after three it is not heard at all', async () => {
    await answer(await ask(0), 'deny');
    await answer(await ask(1), 'deny');
    await answer(await ask(2), 'deny');
    const { code, details } = await refusalOf(3);
    expect([code, details.approvalId]).toEqual(['approval_denied', undefined]);
    expect(await minutesToldTo(3)).toBe(20);
    expect(await ask(3, ide)).not.toBe('');
    later(20.1);
    expect(await ask(3)).not.toBe('');
  });

  it('does not start anew by deleting the connection, only by a yes or after a day', async () => {
    const gone = await storeTokens(keyward.broker, claude, { expiresAt: null });
    many.push(gone);
    await answer(await ask(many.length - 1), 'deny');
    await deleteCredential(keyward.broker, claude, { credentialId: gone.id });
    await answer(await ask(0), 'deny');
    expect(await minutesToldTo(0)).toBe(10);
    await answer(await ask(1), 'once');
    await answer(await ask(2), 'deny');
    expect(await minutesToldTo(2)).toBe(5);
    later(24 * 60 + 1);
    await answer(await ask(2), 'deny');
    expect(await minutesToldTo(2)).toBe(5);
  });
});
