/** `keyward approvals`: the owner's answer where there is no browser. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { getConnectionCredentials } from '../../../src/broker/credentials/release.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { answerAll } from '../../../src/cli/commands/approvals.ts';
import { personAt } from '../../../src/cli/person.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import type { Credential } from '../../../src/vault/vault.ts';
import { startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';

const claude = { ...localPrincipal, client: 'Claude\u001b[2J\u0007' };
let keyward: TestBroker;
let mine: Credential;
beforeAll(async () => {
  keyward = await startBroker({ origin: 'http://127.0.0.1:9', settings: { release: 'approve' } });
});
afterAll(() => keyward.close());
beforeEach(async () => {
  for (const record of await keyward.broker.vault.list('approval', claude, {}, { limit: 500 }))
    await keyward.broker.vault.commit([{ op: 'delete', kind: 'approval', record }]);
  mine = await storeTokens(keyward.broker, claude, { expiresAt: null });
});

const release = () => getConnectionCredentials(keyward.broker, claude, { connectionId: mine.id });
const share = () =>
  shareConnection(keyward.broker, claude, { connectionId: mine.id, with: 'user:bob', permission: 'use' });
const refused = (work: Promise<unknown>, code = 'approval_required') => expect(work).rejects.toMatchObject({ code });

/** Runs the command with these words typed; answers all that was said and asked. */
async function typing(...words: string[]): Promise<string> {
  const said: string[] = [];
  const ask = async (prompt: string) => {
    said.push(prompt);
    const word = words.shift();
    if (word === undefined) throw new Error('Asked too often.');
    return word;
  };
  await answerAll(keyward.broker, ask, (text) => void said.push(text));
  expect(words).toEqual([]);
  return said.join('');
}

describe('keyward approvals', () => {
  it('says when nothing waits', async () => {
    expect(await typing()).toMatch(/^Nothing that was asked over stdio waits/);
  });

  it('allows once', async () => {
    await refused(release());
    expect(await typing('y')).toContain('wants to read the raw secret');
    await release();
    await refused(release());
    const last = (await keyward.audited()).findLast(({ action }) => action === 'approval.approve');
    expect(last).toMatchObject({ client: 'keyward command line', subject: mine.id, outcome: 'allowed' });
  });

  it('allows for minutes, shows them, and ends them', async () => {
    await refused(release());
    await typing('15');
    await release();
    expect(await typing('')).toContain('may read this secret, without asking until');
    await release();
    await typing('e');
    await refused(release());
  });

  it('says no', async () => {
    await refused(release());
    await typing('n');
    await refused(release(), 'approval_denied');
  });

  it('asks again for what is no answer, and leaves a request as it is when Enter is pressed', async () => {
    await refused(release());
    await typing('yes please', '7', 'e', '');
    await refused(release());
  });

  it('offers no minutes for what widens access, and says to whom', async () => {
    await refused(share());
    const said = await typing('15', 'Y');
    expect(said).toContain('user:bob, use. Allowed: GET, HEAD, OPTIONS on every path.');
    expect(said).toContain('y: Share with “bob”, n: Don’t share');
    expect(said).not.toContain('minutes');
    await share();
  });

  it('lets no name that a client gave itself move the cursor', async () => {
    await refused(release());
    const said = await typing('');
    expect(said).toContain('Claude [2J');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there.
    expect(said).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it('holds for a command, and for no MCP client that takes its name', async () => {
    const command = personAt('keyward token for script');
    const read = (by: Principal) => getConnectionCredentials(keyward.broker, by, { connectionId: mine.id });
    await refused(read(command));
    await typing('15');
    await read(command);
    await refused(read({ ...localPrincipal, client: 'keyward token for script' }));
  });

  it('hears no command again soon after three noes, whatever it calls itself', async () => {
    for (const line of ['one', 'two', 'three']) {
      const read = () =>
        getConnectionCredentials(keyward.broker, personAt(`keyward run in /: ${line}`), { connectionId: mine.id });
      await refused(read());
      await typing('n');
    }
    const other = personAt('keyward run in /: four');
    await refused(getConnectionCredentials(keyward.broker, other, { connectionId: mine.id }), 'approval_denied');
  });

  it('only shows where nobody can type', async () => {
    await refused(release());
    const said: string[] = [];
    await answerAll(keyward.broker, null, (text) => void said.push(text));
    expect(said.join('')).toContain('Run keyward approvals in a terminal to answer.');
    await refused(release());
  });
});
