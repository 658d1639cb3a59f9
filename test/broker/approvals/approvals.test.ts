/** Acts that need their owner's approval: what is asked, what an answer is good for, and who may give it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { inTurn } from '../../../src/broker/approvals/approvals.ts';
import { declineRequest, takeLink, waitForAnswer } from '../../../src/broker/approvals/link.ts';
import {
  answerApproval,
  type Decision,
  decide,
  openApprovals,
  viewApproval,
} from '../../../src/broker/approvals/page.ts';
import type { Broker } from '../../../src/broker/broker.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { deleteCredential } from '../../../src/broker/credentials/delete.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { KeywardError } from '../../../src/errors.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import type { Credential } from '../../../src/vault/vault.ts';
import { acme, principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';

const origin = 'http://127.0.0.1:9';
const keyOf = (digit: string) => `acme_${digit.repeat(20)}`;
const claude: Principal = { ...localPrincipal, client: 'claude' };
const ide: Principal = { ...localPrincipal, client: 'ide' };

let keyward: TestBroker;
let broker: Broker;
let mine: Credential;
beforeAll(async () => {
  keyward = await startBroker({
    origin,
    settings: { release: 'approve' },
    pages: { showLocally: async () => false },
  });
  broker = keyward.broker;
});
afterAll(() => keyward.close());
// Files share a process: the next one must find the clock as it is.
afterEach(() => void vi.useRealTimers());
beforeEach(async () => {
  for (const one of await broker.vault.list('approval', claude, {}, { limit: 500 }))
    await broker.vault.commit([{ op: 'delete', kind: 'approval', record: one }]);
  mine = await storeTokens(broker, claude, { expiresAt: null, accessToken: 'at-secret' });
});

const release = (who = claude, { id } = mine, on = broker) => getConnectionCredentials(on, who, { connectionId: id });
const share = (grantee: string, who = claude) =>
  shareConnection(broker, who, { connectionId: mine.id, with: grantee, permission: 'view' });
const failure = async (work: Promise<unknown>): Promise<KeywardError> => {
  const error = await work.then(
    () => null,
    (problem: unknown) => problem,
  );
  if (error instanceof KeywardError) return error;
  throw new Error(`Not refused: ${String(error)}`);
};
/** Asks, and answers the request's id. */
async function ask(work: Promise<unknown> = release()): Promise<string> {
  const { code, details } = await failure(work);
  expect(code).toBe('approval_required');
  return details.approvalId ?? '';
}
const answer = (id: string, decision: Decision) => decide(broker, localPrincipal, id, decision);
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
function freeze(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
}

it('a call that comes late for an answer which another call used asks nobody again', async () => {
  const id = await ask();
  const asked = await broker.vault.get('approval', claude, id);
  if (asked === undefined) throw new Error('Nobody was asked.');
  await broker.vault.commit([{ op: 'delete', kind: 'approval', record: asked }]);
  let late: Promise<KeywardError> | undefined;
  // While it waits for its turn, another call asks, is allowed, and reads.
  await inTurn(broker, claude, async () => {
    late = failure(release());
    await vi.waitUntil(() => Date.now() > asked.askedAt + 5);
    const record = { ...asked, status: 'used', askedAt: Date.now() + 5 } as const;
    await broker.vault.commit([
      {
        op: 'create',
        kind: 'approval',
        record,
        secret: await broker.vault.open('approval', asked).catch(() => ({ key: '' })),
      },
    ]);
  });
  expect(await late).toMatchObject({ code: 'approval_required', hint: expect.stringContaining('asked anew') });
  expect(await openApprovals(broker, localPrincipal)).toEqual([]);
});

describe('a connection that gets another secret', () => {
  let trusting: TestBroker;
  beforeAll(async () => {
    trusting = await startBroker({ origin, folder: keyward.folder, settings: { release: 'allow' } });
  });
  afterAll(() => trusting.close());
  const input = { connectorId: acme, authenticationType: 'api_key' };
  const connectWith = async (apiKey: string, credentialId?: string) => {
    const fields = { ...input, apiKey, ...(credentialId === undefined ? {} : { credentialId }) };
    // Where acts need no approval: elsewhere another secret is taken on a page only.
    const created = await createCredential(trusting.broker, claude, fields, { obtainedBy: 'tool' });
    if (created.kind !== 'created') throw new Error('Something was left to ask.');
    return { ...mine, id: created.credentialId };
  };

  it.each([{ answer: 'once' }, { answer: 'minutes', minutes: 60 }] as const)(
    'is asked about anew, although reading the one before was allowed: %j',
    async (decision) => {
      const harmless = await connectWith(keyOf('0'));
      await answer(await ask(release(claude, harmless)), decision);
      await connectWith(keyOf('1'), harmless.id);
      await ask(release(claude, harmless));
    },
  );

  it('is not asked about with a page that was about the one before', async () => {
    const harmless = await connectWith(keyOf('0'));
    const id = await ask(release(claude, harmless));
    await connectWith(keyOf('1'), harmless.id);
    expect((await failure(answer(id, { answer: 'once' }))).code).toBe('attempt_expired');
  });

  it('does not make a no forgotten', async () => {
    const harmless = await connectWith(keyOf('0'));
    await answer(await ask(release(claude, harmless)), { answer: 'deny' });
    await connectWith(keyOf('1'), harmless.id);
    expect((await failure(release(claude, harmless))).code).toBe('approval_denied');
  });
});

describe('an approval for once', () => {
  it('lets the very call through when it is made again, and is used up by that', async () => {
    const id = await ask();
    await answer(id, { answer: 'once' });
    expect(await release()).toMatchObject({ credentials: { accessToken: 'at-secret' } });
    expect(await ask()).toBe(id);
  });

  it('gives one release to many callers at the same time', async () => {
    await answer(await ask(), { answer: 'once' });
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => release()));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await openApprovals(broker, claude)).toHaveLength(1);
  });

  it('gives one release to two processes at the same time', async () => {
    const settings = { release: 'approve' } as const;
    const other = await startBroker({ origin, folder: keyward.folder, settings });
    await answer(await ask(), { answer: 'once' });
    const both = Array.from({ length: 8 }, (_, at) => release(claude, mine, at % 2 ? other.broker : broker));
    const results = await Promise.allSettled(both);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await other.close();
  });

  it('is lost when it is not used within ten minutes', async () => {
    freeze();
    await answer(await ask(), { answer: 'once' });
    later(600_001);
    await ask();
  });

  it('is good for nothing but what was asked', async () => {
    await answer(await ask(share('user:bob')), { answer: 'once' });
    const other = await ask(share('user:mallory'));
    expect(await openApprovals(broker, claude)).toMatchObject([{ act: 'share', details: { with: 'user:mallory' } }]);
    await answer(other, { answer: 'once' });
    // The request for bob is gone, with what was answered.
    await ask(share('user:bob'));
  });
});

describe('an approval for minutes', () => {
  it('lets this client read this secret without asking until then, and no longer', async () => {
    freeze();
    await answer(await ask(), { answer: 'minutes', minutes: 15 });
    await release();
    later(14 * 60_000);
    await release();
    later(60_001);
    await ask();
  });

  it('covers no other client, no other connection and no other act', async () => {
    await answer(await ask(), { answer: 'minutes', minutes: 60 });
    const second = await storeTokens(broker, claude, { expiresAt: null });
    await ask(release(ide));
    await ask(release({ ...claude, via: 'session x' }));
    await ask(release(claude, second));
    await ask(share('user:bob'));
    // The request to share took the place of the answered one; the minutes go on.
    await release();
  });

  it('ends when its owner ends it', async () => {
    const id = await ask();
    await answer(id, { answer: 'minutes', minutes: 60 });
    expect(await openApprovals(broker, claude)).toMatchObject([{ state: 'granted' }]);
    await answer(id, { answer: 'end' });
    await ask();
  });

  it.each([0, 7, -5, 61, 1_000_000, Number.NaN])('can’t be for %s minutes', async (minutes) => {
    const id = await ask();
    expect((await failure(answer(id, { answer: 'minutes', minutes }))).code).toBe('invalid_input');
    await ask();
  });

  it('is not offered for what widens access', async () => {
    const id = await ask(share('user:bob'));
    expect((await failure(answer(id, { answer: 'minutes', minutes: 5 }))).code).toBe('invalid_input');
  });

  it('does not outlast a clock that is set back by days', async () => {
    freeze();
    await answer(await ask(), { answer: 'minutes', minutes: 5 });
    later(-10 * 86_400_000);
    await ask();
  });
});

describe('a no', () => {
  it('is answered to the client, and for five minutes nothing is asked again', async () => {
    freeze();
    const id = await ask();
    await answer(id, { answer: 'deny' });
    for (let round = 0; round < 3; round += 1) expect((await failure(release())).code).toBe('approval_denied');
    expect((await failure(share('user:bob'))).code).toBe('approval_denied');
    expect(await openApprovals(broker, claude)).toEqual([]);
    expect(await takeLink(broker, claude, id)).toBeNull();
    later(300_001);
    expect(await ask()).toBe(id);
  });

  it('can be given by not opening the link at all', async () => {
    const id = await ask();
    expect((await declineRequest(broker, claude, id)).code).toBe('approval_denied');
    expect((await failure(release())).code).toBe('approval_denied');
  });

  it('comes too late once something else was answered', async () => {
    const id = await ask();
    await answer(id, { answer: 'once' });
    for (const decision of ['deny', 'once', 'end'] as const)
      expect((await failure(answer(id, { answer: decision }))).code).toBe('attempt_used');
    await declineRequest(broker, claude, id);
    await release();
  });
});

describe('a request', () => {
  it('is one, however often and from however many calls it is made, and its link is shown once', async () => {
    const ids = new Set(await Promise.all(Array.from({ length: 10 }, () => ask())));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    expect(await openApprovals(broker, claude)).toHaveLength(1);
    const links = await Promise.all(Array.from({ length: 10 }, () => takeLink(broker, claude, id)));
    expect(links.filter((link) => link !== null)).toHaveLength(1);
    await ask();
    expect(await takeLink(broker, claude, id)).toBeNull();
  });

  it('of the same client about another act waits until the first is answered', async () => {
    await ask();
    const { code, details } = await failure(share('user:bob'));
    expect([code, details.approvalId]).toEqual(['approval_required', undefined]);
    expect(await openApprovals(broker, claude)).toMatchObject([{ act: 'release' }]);
  });

  it('is refused without being asked when twenty wait already, however many come at the same time', async () => {
    const programs = Array.from({ length: 30 }, (_, at) => ({ ...claude, client: `program ${at}` }));
    const codes = await Promise.all(programs.map(async (one) => (await failure(release(one))).details.approvalId));
    expect(codes.filter((id) => id !== undefined)).toHaveLength(20);
    expect(await openApprovals(broker, claude)).toHaveLength(20);
    expect((await failure(release(claude))).message).toBe(
      'The owner has not answered 20 requests of the last ten minutes, and was not asked again.',
    );
  });

  it('goes with the credential that it is about', async () => {
    const id = await ask();
    await deleteCredential(broker, claude, { credentialId: mine.id });
    expect(await openApprovals(broker, claude)).toEqual([]);
    expect((await failure(answer(id, { answer: 'once' }))).code).toBe('attempt_expired');
  });

  it('expires after ten minutes, and can then be made again', async () => {
    freeze();
    const id = await ask();
    later(600_001);
    expect((await failure(answer(id, { answer: 'once' }))).code).toBe('attempt_expired');
    expect(await openApprovals(broker, claude)).toEqual([]);
    expect(await ask()).toBe(id);
    expect(await takeLink(broker, claude, id)).not.toBeNull();
  });

  it('needs the scope of the act before anybody is asked', async () => {
    const weak = { ...claude, scopes: new Set(['credentials:read' as const]) };
    expect((await failure(release(weak))).code).toBe('insufficient_scope');
    expect(await openApprovals(broker, claude)).toEqual([]);
  });

  it('is forgotten an hour after it is over', async () => {
    freeze();
    await answer(await ask(), { answer: 'once' });
    await release();
    later(600_000 + 3_600_001);
    await ask(release(ide));
    expect(await broker.vault.list('approval', claude, {}, { limit: 10 })).toMatchObject([{ client: 'ide' }]);
  });

  it('is found answered by whoever waits for it, and waiting ends with the caller', async () => {
    const id = await ask();
    const waiting = waitForAnswer(broker, claude, id, 30, {});
    await answer(id, { answer: 'once' });
    expect(await waiting).toBe(true);
    await release();
    const next = await ask();
    expect(await waitForAnswer(broker, claude, next, 0, {})).toBe(false);
    const gone = waitForAnswer(broker, claude, next, 30, { signal: AbortSignal.abort() });
    expect((await failure(gone)).code).toBe('cancelled');
  });
});

describe('the page of a request', () => {
  const link = async (id: string) => {
    const url = new URL((await takeLink(broker, claude, id)) ?? '');
    const [, , shownId = '', token = ''] = url.pathname.split('/');
    return { id: shownId, token };
  };

  it('opens for whoever has the link, at the owner’s computer, and for nobody without its token', async () => {
    const id = await ask();
    const shown = await link(id);
    expect(await viewApproval(broker, shown, 'browser', 'local')).toMatchObject({
      state: 'pending',
      act: 'release',
      client: 'claude',
      facts: { service: 'Acme' },
    });
    for (const token of [null, '', 'x', shown.token.slice(1), `${shown.token}x`])
      expect((await failure(viewApproval(broker, { id, token }, 'browser', 'local'))).code).toBe('not_found');
  });

  it('27. changes nothing by being looked at, however often', async () => {
    const shown = await link(await ask());
    for (let look = 0; look < 3; look += 1) await viewApproval(broker, shown, `browser-${look}`, 'local');
    await ask();
  });

  it('takes an answer from its own form only: the same browser, the same request', async () => {
    const id = await ask();
    const shown = await link(id);
    const { csrf } = await viewApproval(broker, shown, 'browser', 'local');
    for (const sender of [
      { browser: null, csrf },
      { browser: 'other', csrf },
      { browser: 'browser', csrf: '' },
      { browser: 'browser', csrf: `${csrf}x` },
    ]) {
      const sent = answerApproval(broker, shown, { ...sender, visitor: 'local' }, { answer: 'once' });
      expect((await failure(sent)).code).toBe('forbidden');
    }
    await ask();
    await answerApproval(broker, shown, { browser: 'browser', csrf, visitor: 'local' }, { answer: 'once' });
    await release();
  });

  it('left open, is no way to approve what is asked later', async () => {
    const shown = await link(await ask());
    const { csrf } = await viewApproval(broker, shown, 'browser', 'local');
    await answer(shown.id, { answer: 'once' });
    await release();
    expect(await ask(share('user:evil'))).toBe(shown.id);
    const sent = answerApproval(broker, shown, { browser: 'browser', csrf, visitor: 'local' }, { answer: 'once' });
    expect((await failure(sent)).code).toBe('not_found');
  });

  it('21. elsewhere is for the signed-in owner alone; another person gets the answer of a missing one', async () => {
    const ann = principal('ann', 'acme');
    const hers = await storeTokens(broker, ann, { expiresAt: null });
    const id = await ask(release(ann, hers));
    const at = { id, token: null };
    expect((await failure(viewApproval(broker, at, 'b', 'unknown'))).code).toBe('unauthenticated');
    expect(await viewApproval(broker, at, 'b', ann)).toMatchObject({ state: 'pending' });
    const told: string[] = [];
    for (const one of [at, { id: crypto.randomUUID(), token: null }]) {
      for (const person of [principal('bob', 'acme'), principal('ann', 'other')]) {
        const error = await failure(viewApproval(broker, one, 'b', person));
        told.push(JSON.stringify([error.code, error.message, error.hint]).replaceAll(one.id, '<id>'));
      }
    }
    expect(new Set(told).size).toBe(1);
    expect(await openApprovals(broker, principal('bob', 'acme'))).toEqual([]);
    const { csrf } = await viewApproval(broker, at, 'b', ann);
    const bob = answerApproval(
      broker,
      at,
      { browser: 'b', csrf, visitor: principal('bob', 'acme') },
      { answer: 'once' },
    );
    expect((await failure(bob)).code).toBe('not_found');
    await ask(release(ann, hers));
  });
});

describe('what is written down', () => {
  it('is who asked, who answered and what was released, before it happened; and never the link', async () => {
    const before = (await keyward.audited()).length;
    const id = await ask();
    const url = await takeLink(broker, claude, id);
    await answer(id, { answer: 'once' });
    const error = await failure(release().then(() => release()));
    const events = (await keyward.audited()).slice(before);
    expect(events.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual(
      expect.arrayContaining(['approval.ask allowed', 'approval.approve allowed', 'credential.release allowed']),
    );
    for (const event of events) expect(event).toMatchObject({ subject: mine.id, connectorId: 'custom.acme' });
    const token = url?.split('/').at(-1) ?? 'none';
    for (const text of [
      JSON.stringify(events),
      JSON.stringify(error),
      keyward.logged(),
      `${error.message}${error.hint}`,
    ]) {
      expect(text).not.toContain(token);
      expect(text).not.toContain('/approvals/');
    }
  });
});

describe('KEYWARD_RELEASE', () => {
  it('allow hands out at once, but for what URL elicitation obtained', async () => {
    const open = await startBroker({ origin, folder: keyward.folder, settings: { release: 'allow' } });
    await release(claude, mine, open.broker);
    const elicited = { ...mine, obtainedBy: 'elicitation' as const };
    await broker.vault.commit([{ op: 'update', kind: 'credential', record: elicited }]);
    await answer(await ask(release(claude, mine, open.broker)), { answer: 'once' });
    await release(claude, mine, open.broker);
    await open.close();
  });

  it('never refuses every release, approved or not, and asks nobody', async () => {
    await answer(await ask(), { answer: 'minutes', minutes: 5 });
    const closed = await startBroker({ origin, folder: keyward.folder, settings: { release: 'never' } });
    expect((await failure(release(claude, mine, closed.broker))).code).toBe('release_refused');
    await closed.close();
  });
});
