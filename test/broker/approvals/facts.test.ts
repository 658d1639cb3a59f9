/** What the page of a request shows: the facts as they were when it was asked, whatever the asker does meanwhile. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { takeLink } from '../../../src/broker/approvals/link.ts';
import { answerApproval, decide, openApprovals, viewApproval } from '../../../src/broker/approvals/page.ts';
import { updateCredential } from '../../../src/broker/credentials/manage.ts';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { askDecision } from '../../../src/cli/terminal/approval-text.ts';
import { approvalPage } from '../../../src/http/pages/approvals/pages.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import type { Credential } from '../../../src/vault/vault.ts';
import { credentialOf, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';

const claude: Principal = { ...localPrincipal, client: 'claude' };
const lie = 'nothing, this only checks your login';
const around = { host: '127.0.0.1:7356', now: Date.now() };

let keyward: TestBroker;
let mine: Credential;
beforeAll(async () => {
  const settings = { release: 'approve' } as const;
  keyward = await startBroker({ origin: 'http://127.0.0.1:9', settings, pages: { showLocally: async () => false } });
});
afterAll(() => keyward.close());
// Files share a process: the next one must find the clock as it is.
afterEach(() => void vi.useRealTimers());
beforeEach(async () => {
  for (const record of await keyward.broker.vault.list('approval', claude, {}, { limit: 500 }))
    await keyward.broker.vault.commit([{ op: 'delete', kind: 'approval', record }]);
  mine = await storeTokens(keyward.broker, claude, { expiresAt: null });
  await change({ name: 'Work', account: 'ann@acme.example' });
});

async function change(fields: Partial<Credential>): Promise<void> {
  const record = { ...(await credentialOf(keyward.broker, claude, mine.id)), ...fields };
  await keyward.broker.vault.commit([{ op: 'update', kind: 'credential', record }]);
}
const ask = async (work: () => Promise<unknown> = release): Promise<string> => {
  const error = await work().then(
    () => null,
    (problem: { details: { approvalId?: string } }) => problem,
  );
  return error?.details.approvalId ?? '';
};
const release = () => getConnectionCredentials(keyward.broker, claude, { connectionId: mine.id });
const rename = (name: string) => updateCredential(keyward.broker, claude, { credentialId: mine.id, name });
/** The page as a person has it open, and sending its form. */
async function opened() {
  const url = new URL((await takeLink(keyward.broker, claude, await ask())) ?? '');
  const [, , id = '', token = ''] = url.pathname.split('/');
  const view = () => viewApproval(keyward.broker, { id, token }, 'browser', 'local');
  const { csrf } = await view();
  const sender = { browser: 'browser', csrf, visitor: 'local' } as const;
  const send = (answer: 'once' | 'deny') => answerApproval(keyward.broker, { id, token }, sender, { answer });
  return { id, view, send };
}
const textOf = async (view: Awaited<ReturnType<typeof viewApproval>>) => `${await approvalPage(view, around)}`;

describe('84. renaming a connection', () => {
  it('does not change a page that is open: the request is closed, and its form answers nothing', async () => {
    const page = await opened();
    await rename(lie);
    expect(await openApprovals(keyward.broker, claude)).toEqual([]);
    const view = await page.view();
    expect(view).toMatchObject({ state: 'expired', facts: { connection: { name: 'Work' } } });
    expect(await textOf(view)).not.toContain(lie);
    await expect(page.send('once')).rejects.toMatchObject({ code: 'attempt_expired' });
    await expect(release()).rejects.toMatchObject({ code: 'approval_required' });
  });

  it('makes an answer void that was given before, and no minutes', async () => {
    await decide(keyward.broker, localPrincipal, await ask(), { answer: 'once' });
    await rename(lie);
    const id = await ask();
    expect(id).not.toBe('');
    await decide(keyward.broker, localPrincipal, id, { answer: 'minutes', minutes: 5 });
    await rename('Work');
    await release();
  });

  it('is told on the page of what is asked afterwards, with the name before all of a day’s renamings', async () => {
    await rename('Weather');
    await rename(lie);
    await ask();
    const [view] = await openApprovals(keyward.broker, claude);
    expect(view?.facts.connection).toMatchObject({ name: lie, renamed: { from: 'Work' } });
    const text = await textOf({ ...(view as never as Awaited<ReturnType<typeof viewApproval>>), csrf: '' });
    expect(text).toMatch(/renamed \d+ seconds? ago from <bdi class="data">Work<\/bdi>/);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 86_400_001 });
    await ask();
    expect((await openApprovals(keyward.broker, claude))[0]?.facts.connection?.renamed).toBeNull();
  });
});

describe('84. the page of a request', () => {
  it('has service and host in its heading, never a name, and names as data', async () => {
    await change({ name: `Weather\u202e\u200b\u0007 ${lie}` });
    const text = await textOf(await (await opened()).view());
    expect(/<h1>(.*?)<\/h1>/.exec(text)?.[1]).toBe('Release the secret of Acme (127.0.0.1:9)?');
    expect(/<title>(.*?)<\/title>/.exec(text)?.[1]).not.toContain('Weather');
    expect(text).toContain(`<bdi class="data">Weather  ${lie}</bdi>`);
    for (const unseen of '\u202e\u200b\u0007') expect(text).not.toContain(unseen);
    expect(text.indexOf('<dt>Service</dt><dd>Acme</dd>')).toBeLessThan(text.indexOf('<dt>Named</dt>'));
    expect(text).toContain('<bdi class="data">ann@acme.example</bdi>');
    expect(text).toMatch(/<dt>Connected<\/dt><dd><time [^>]+>\d+ \w+ ago/);
  });

  it('is void once the account or the policy is another, and for one that somebody wrote into the store', async () => {
    const page = await opened();
    await change({ account: 'mallory@evil.example' });
    expect(await page.view()).toMatchObject({
      state: 'expired',
      facts: { connection: { account: 'ann@acme.example' } },
    });
    await expect(page.send('once')).rejects.toMatchObject({ code: 'attempt_expired' });

    const share = () =>
      shareConnection(keyward.broker, claude, { connectionId: mine.id, with: 'user:mallory', permission: 'use' });
    const id = await ask(share);
    const record = await keyward.broker.vault.get('approval', claude, id);
    if (!record) throw new Error('Nobody was asked.');
    const shown = { ...record, details: { ...record.details, with: 'user:bob' } };
    await keyward.broker.vault.commit([{ op: 'update', kind: 'approval', record: shown }]);
    await expect(decide(keyward.broker, localPrincipal, id, { answer: 'once' })).rejects.toMatchObject({
      code: 'attempt_expired',
    });
  });

  it.each([
    ['release', 'Release once', 'Don’t release'],
    ['host', 'Let “claude” reach evil.example', 'Don’t let it'],
    ['share', 'Share with “bob”', 'Don’t share'],
    ['policy', 'Allow these calls from now on', 'Don’t allow'],
    ['reconnect', 'Let it be connected anew', 'Keep it as it is'],
    ['call', 'Allow this call once', 'Don’t allow it'],
    ['delete', 'Delete this connection', 'Keep it'],
    ['tools', 'Accept these tools', 'Don’t accept'],
  ] as const)('383. says on its buttons, and at a terminal, what happens: %s', async (act, yes, no) => {
    await ask();
    const [view] = await openApprovals(keyward.broker, claude);
    if (!view) throw new Error('Nobody was asked.');
    const of = { service: 'Any', hosts: ['evil.example'], connection: null };
    const details = act === 'share' ? { with: 'user:bob' } : {};
    const shown = { ...view, csrf: '', act, details, ...(act === 'host' && { facts: of }) };
    const text = await textOf(shown);
    for (const button of [yes, no]) expect(text).toContain(`>${button}</button>`);
    let prompt = '';
    await askDecision(shown, async (asked) => {
      prompt = asked;
      return '';
    });
    expect(prompt).toMatch(new RegExp(`^y: ${yes}[^:]*, n: ${no}, Enter leaves it: $`));
    // What lasts says until when.
    expect(/minutes, until \d\d:\d\d UTC/.test(text)).toBe(act === 'release' || act === 'call');
  });

  it('384. names who asks so that nothing in the name is unseen, or turns what is around it', async () => {
    await ask();
    const [view] = await openApprovals(keyward.broker, claude);
    if (!view) throw new Error('Nobody was asked.');
    const client = '\u202eKeyward\u2066 itself\u200b, “the owner”\n<b>';
    const text = await textOf({ ...view, csrf: '', client });
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    expect(text).not.toContain('<b>');
  });
});
