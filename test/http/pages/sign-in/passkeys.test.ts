/** Passkeys and whoever attacks them: a real vault, real requests, and an authenticator that can be made to lie. */
import { randomBytes, sign, X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Broker } from '../../../../src/broker/broker.ts';
import { endEverything } from '../../../../src/broker/ending/end-everything.ts';
import { addOptions, addPasskey } from '../../../../src/broker/sign-in/add-passkey.ts';
import { createSignInCode } from '../../../../src/broker/sign-in/code.ts';
import { listPasskeys, removePasskey } from '../../../../src/broker/sign-in/passkeys.ts';
import { signInOptions, usePasskey } from '../../../../src/broker/sign-in/use-passkey.ts';
import { beginVisit, visitorOf } from '../../../../src/broker/sign-in/visits.ts';
import { type RelyingParty, relyingPartyAt } from '../../../../src/broker/sign-in/webauthn.ts';
import { localPrincipal, type Owner } from '../../../../src/principal.ts';
import { openStore } from '../../../../src/store/open.ts';
import { rotateDataKey } from '../../../../src/vault/key-change.ts';
import { type Authenticator, createAuthenticator, type Lie } from '../../../support/clients/authenticator.ts';
import { noOutside } from '../../../support/clients/mcp-clients.ts';
import { type Browser, createBrowser, type Shown, startSession } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { connect, freshDatabase } from '../../../support/servers/postgres.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';

let server: SignInServer;
let broker: Broker;
let rp: RelyingParty;

const ann = person('acme', 'ann');
const mallory = person('acme', 'mallory');

beforeAll(async () => {
  server = await startSignInServer(noOutside);
  broker = server.broker;
  rp = relyingPartyAt(server.origin) ?? { id: '', origin: '' };
});
afterAll(() => server.close());

const anyBrowser = () => randomBytes(32).toString('base64url');

/** A passkey of this person, added in a browser in which they signed in just now. */
async function added(who: Owner, name = 'Laptop', lie: Lie = {}, at: Broker = broker): Promise<Authenticator> {
  const authenticator = createAuthenticator(rp.origin);
  const visit = await beginVisit(at, who);
  const asked = await addOptions(at, rp, visit);
  await addPasskey(at, rp, visit, { name, answer: authenticator.make(asked, lie) });
  return authenticator;
}

/** Signs in in a browser that nobody was in. */
async function enter(authenticator: Authenticator, lie: Lie = {}, at: Broker = broker) {
  const browser = anyBrowser();
  const asked = await signInOptions(at, rp, browser);
  return usePasskey(at, rp, browser, authenticator.use(asked, lie));
}

const refused = { code: 'unauthenticated', message: 'This passkey is not good here, or not any more.' };

async function audited(action: string) {
  const found = [];
  await broker.refusals.flush();
  for await (const entry of broker.vault.readAudit()) if (entry.action === action) found.push(entry);
  return found;
}

/** A statement that is right in itself: a certificate of a maker, and its signature (WebAuthn Level 3, §8.2). */
async function ofMaker() {
  const names = { C: 'DE', O: 'Maker', OU: 'Authenticator Attestation', CN: 'Maker' };
  const subject = Object.entries(names).map(([shortName, value]) => ({ shortName, value }));
  const extensions = [{ name: 'basicConstraints' as const, cA: false }];
  const made = await generate(subject, { keyType: 'ec', curve: 'P-256', algorithm: 'sha256', extensions });
  const der = new Uint8Array(new X509Certificate(made.cert).raw);
  return (signed: Buffer) =>
    new Map<string, unknown>([
      ['alg', -7],
      ['sig', new Uint8Array(sign('sha256', signed, made.private))],
      ['x5c', [der]],
    ]);
}

/** Nobody else’s: what earlier tests added would count. */
let people = 0;
const somebody = () => person('acme', `somebody ${people++}`);

describe('a passkey', () => {
  it('320. 324. signs in whoever added it, at any of two instances, and no more once it was removed, also put back into the database', async () => {
    const env = { ...noOutside, KEYWARD_STORE: await freshDatabase() };
    const [one, two] = [await startSession(env), await startSession(env)];
    onTestFinished(async () => void (await Promise.all([one.close(), two.close()])));
    const authenticator = createAuthenticator(rp.origin);
    const visit = await beginVisit(one.broker, ann);
    const asked = await addOptions(one.broker, rp, visit);
    await addPasskey(two.broker, rp, visit, { name: 'Laptop', answer: authenticator.make(asked) });
    const browser = anyBrowser();
    const toSign = await signInOptions(one.broker, rp, browser);
    const answer = authenticator.use(toSign);
    const both = [one, two].map(({ broker: at }) => usePasskey(at, rp, browser, answer));
    const ends = await Promise.allSettled(both);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const signedIn = ends.find(({ status }) => status === 'fulfilled') as PromiseFulfilledResult<{ person: Owner }>;
    expect(signedIn.value.person).toEqual({ tenant: 'acme', user: 'ann' });
    await expect(usePasskey(one.broker, rp, browser, answer)).rejects.toMatchObject(refused);

    // Removed at one, put back into the table by somebody who writes there.
    const [passkey] = await listPasskeys(two.broker, ann);
    const write = await connect(env.KEYWARD_STORE);
    await write(`create table kept as select * from keyward_records where kind = 'passkey'`);
    await removePasskey(two.broker, ann, passkey?.id ?? '');
    await write('insert into keyward_records select * from kept');
    await expect(enter(authenticator, {}, two.broker)).rejects.toMatchObject(refused);
    expect(await listPasskeys(two.broker, ann)).toEqual([]);
  });

  it('320. is kept under a digest of its id; id, public key and handle are sealed, and no name is in what is asked', async () => {
    const who = somebody();
    const authenticator = await added(who);
    const [row] = await listPasskeys(broker, who);
    expect(JSON.stringify(row)).not.toContain(authenticator.credentialId);
    expect(Object.keys(row ?? {}).sort()).toEqual(
      'copiedAt counter createdAt id name owner secretVersion tenant updatedAt usedAt version'.split(' '),
    );
    const asked = await signInOptions(broker, rp, anyBrowser());
    expect(asked).toMatchObject({ rpId: 'localhost', userVerification: 'required' });
    expect(asked.allowCredentials ?? []).toEqual([]);
    const visit = await beginVisit(broker, who);
    const more = await addOptions(broker, rp, visit);
    expect(more).toMatchObject({
      excludeCredentials: [{ id: authenticator.credentialId }],
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      attestation: 'none',
    });
    // What an authenticator gives to whoever holds it tells nobody's name.
    expect(Buffer.from(more.user.id, 'base64url').toString()).not.toContain('somebody');
  });

  it('321. answers a challenge once, in time, in the browser that it was made for, and in no other ceremony', async () => {
    const authenticator = await added(ann);
    const browser = anyBrowser();
    const asked = await signInOptions(broker, rp, browser);
    const answer = authenticator.use(asked);
    await expect(usePasskey(broker, rp, anyBrowser(), answer)).rejects.toMatchObject(refused);
    await usePasskey(broker, rp, browser, answer);
    await expect(usePasskey(broker, rp, browser, answer)).rejects.toMatchObject(refused);
    // Sent twice is no copy: it goes on signing in.
    await enter(authenticator);

    const visit = await beginVisit(broker, ann);
    const toAdd = await addOptions(broker, rp, visit);
    await expect(usePasskey(broker, rp, visit, authenticator.use({ ...toAdd, rpId: rp.id }))).rejects.toMatchObject(
      refused,
    );
    const made = Buffer.from(`${Date.now()}.${'0'.repeat(32)}.${'0'.repeat(64)}`).toString('base64url');
    for (const challenge of ['', made, randomBytes(32).toString('base64url')])
      await expect(enter(authenticator, { challenge })).rejects.toMatchObject(refused);

    const late = await signInOptions(broker, rp, browser);
    const another = createAuthenticator(rp.origin);
    const lateToAdd = { name: 'Late', answer: another.make(await addOptions(broker, rp, visit)) };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 300_001 });
    onTestFinished(() => void vi.useRealTimers());
    await expect(usePasskey(broker, rp, browser, authenticator.use(late))).rejects.toMatchObject(refused);
    await expect(addPasskey(broker, rp, visit, lateToAdd)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it.each<[string, Lie]>([
    ['another site', { origin: 'https://evil.test' }],
    ['another port', { origin: 'http://localhost:1' }],
    ['the address as a number', { origin: 'http://127.0.0.1' }],
    ['a frame', { crossOrigin: true }],
    ['another domain', { rpId: 'evil.test' }],
    ['nobody who was there', { flags: 0 }],
    ['somebody, nobody knows who', { flags: 0x01 }],
    ['the other ceremony', { type: 'payment.get' }],
  ])('322. that was asked by or speaks for %s is refused, when it is added and when it is used', async (_, lie) => {
    const authenticator = await added(ann);
    await expect(enter(authenticator, lie)).rejects.toMatchObject(refused);
    await enter(authenticator);
    await expect(added(ann, 'Wrong', lie)).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it.each([
    ['https://keyward.example', { id: 'keyward.example', origin: 'https://keyward.example' }],
    ['https://keyward.example:8443', { id: 'keyward.example', origin: 'https://keyward.example:8443' }],
    ['http://localhost:7355', { id: 'localhost', origin: 'http://localhost:7355' }],
    ['http://127.0.0.1:7355', { id: 'localhost', origin: 'http://localhost:7355' }],
    ['http://[::1]:7355', { id: 'localhost', origin: 'http://localhost:7355' }],
    ['https://192.0.2.7', null],
    ['https://[2001:db8::7]', null],
    ['http://keyward.example', null],
  ])('322. of a Keyward at %s is for %j alone', (publicUrl, expected) => {
    expect(relyingPartyAt(publicUrl)).toEqual(expected);
  });

  it('323. whose counter does not grow is refused and audited, and from then on neither it nor its copy signs in', async () => {
    const who = somebody();
    const authenticator = await added(who, 'Key', { counter: 5 });
    const { passkeyId } = await enter(authenticator, { counter: 6 });
    const [byIt, other] = [await beginVisit(broker, who, { passkeyId }), await beginVisit(broker, who)];
    const copied = { code: 'forbidden' };
    await expect(enter(authenticator, { counter: 6 })).rejects.toMatchObject(copied);
    expect(await audited('passkey.copied')).toMatchObject([{ user: who.user, outcome: 'refused', code: 'forbidden' }]);
    await expect(enter(authenticator, { counter: 7 })).rejects.toMatchObject(copied);
    expect([await visitorOf(broker, byIt), await visitorOf(broker, other)]).toEqual([null, expect.anything()]);
    const [row] = await listPasskeys(broker, who);
    expect(row).toMatchObject({ counter: 6, copiedAt: expect.any(Number) });
    // Where nothing is counted, nothing is said by it.
    const synced = await added(who, 'Phone', { counter: 0 });
    for (let time = 0; time < 2; time += 1) await enter(synced, { counter: 0 });
    await expect(enter(await added(who, 'Other', { counter: 3 }), { counter: 0 })).rejects.toMatchObject(copied);
  });

  it('324. that was removed is refused, and the browsers that it signed in are signed out', async () => {
    const who = somebody();
    const [lost, kept] = [await added(who, 'Lost'), await added(who, 'Kept')];
    const byLost = await enter(lost);
    const byKept = await enter(kept);
    const [cookie, other] = [await beginVisit(broker, who, byLost), await beginVisit(broker, who, byKept)];
    await expect(removePasskey(broker, mallory, byLost.passkeyId)).rejects.toMatchObject({ code: 'not_found' });
    await removePasskey(broker, who, byLost.passkeyId);
    await expect(enter(lost)).rejects.toMatchObject(refused);
    expect(await visitorOf(broker, cookie)).toBeNull();
    expect(await visitorOf(broker, other)).toMatchObject({ user: who.user });
    // A sign-in that was under way at that moment comes too late.
    await expect(beginVisit(broker, who, byLost)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await broker.vault.list('visit', who, {}, { limit: 10 })).toHaveLength(3);
    await enter(kept);
    await expect(removePasskey(broker, who, byLost.passkeyId)).rejects.toMatchObject({ code: 'not_found' });
    expect((await audited('passkey.remove')).at(-1)).toMatchObject({ user: who.user, subject: byLost.passkeyId });
  });

  it('325. of somebody else can not be added or used in a person’s name, nor can a person be given one', async () => {
    const who = somebody();
    const authenticator = await added(who);
    await expect(added(mallory, 'Hers', { credentialId: authenticator.credentialId })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await enter(authenticator);
    const hers = await added(mallory);
    const asHer = await enter(hers);
    expect(asHer.person.user).toBe('mallory');
    const { user } = await addOptions(broker, rp, await beginVisit(broker, who));
    await expect(enter(hers, { userHandle: user.id })).rejects.toMatchObject(refused);
    await expect(enter(hers, { userHandle: undefined })).rejects.toMatchObject(refused);
    await expect(enter(hers, { credentialId: authenticator.credentialId })).rejects.toMatchObject(refused);
    // A challenge is for the browser of whoever asked: her answer in his browser is nobody's.
    const herVisit = await beginVisit(broker, mallory);
    const answer = createAuthenticator(rp.origin).make(await addOptions(broker, rp, herVisit));
    const hisVisit = await beginVisit(broker, who);
    await expect(addPasskey(broker, rp, hisVisit, { name: 'Yours', answer })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(await listPasskeys(broker, who)).toHaveLength(1);
  });

  it('326. takes a sign-in of the last ten minutes to be added: an old cookie makes no lasting way in', async () => {
    const visit = await beginVisit(broker, somebody());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 600_001 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await visitorOf(broker, visit)).not.toBeNull();
    await expect(addOptions(broker, rp, visit)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(addOptions(broker, rp, '')).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('327. is one of twenty at most, also when they race, and is used sixty times an hour at most', async () => {
    const who = somebody();
    const visit = await beginVisit(broker, who);
    const all = Array.from({ length: 24 }, async (_, at) => {
      const answer = createAuthenticator(rp.origin).make(await addOptions(broker, rp, visit));
      return addPasskey(broker, rp, visit, { name: `Key ${at}`, answer });
    });
    const ends = await Promise.allSettled(all);
    const failed = ends.filter((end) => end.status === 'rejected');
    expect(failed.map(({ reason }) => reason.code)).toEqual(Array(4).fill('limit_reached'));
    expect(await listPasskeys(broker, who)).toHaveLength(20);
    const [first] = await listPasskeys(broker, who);
    await removePasskey(broker, who, first?.id ?? '');
    const authenticator = await added(who);
    for (let left = 60 - 21; left > 0; left -= 1) await enter(authenticator);
    await expect(enter(authenticator)).rejects.toMatchObject({ code: 'limit_reached' });
  });

  it('328. brings nothing to look up: of its maker nothing is read, and no address that it names is asked', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch');
    onTestFinished(() => fetched.mockRestore());
    const who = somebody();
    const statement = await ofMaker();
    for (const format of ['packed', 'android-key', 'apple', 'tpm', 'fido-u2f', 'android-safetynet', 'unheard-of']) {
      await expect(added(who, 'Maker', { format, statement })).rejects.toMatchObject({ code: 'invalid_input' });
    }
    expect(await listPasskeys(broker, who)).toEqual([]);
    expect(fetched).not.toHaveBeenCalled();
  });

  it('328. in any other form than a browser gives it is refused in words', async () => {
    const deep = `{"id":${'['.repeat(500)}${']'.repeat(500)}}`;
    const texts = ['', 'x', '[]', 'null', '{"id":7}', '{"id":"a"}', '{"id":"a","response":null}', deep];
    const visit = await beginVisit(broker, ann);
    for (const answer of texts) {
      await expect(usePasskey(broker, rp, anyBrowser(), answer)).rejects.toMatchObject(refused);
      await expect(addPasskey(broker, rp, visit, { name: 'Odd', answer })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
    const authenticator = await added(ann);
    const asked = await signInOptions(broker, rp, 'browser');
    const { response, ...rest } = JSON.parse(authenticator.use(asked));
    for (const name of Object.keys(response)) {
      const without = JSON.stringify({ ...rest, response: { ...response, [name]: 7 } });
      await expect(usePasskey(broker, rp, 'browser', without)).rejects.toMatchObject(refused);
    }
  });

  it('329. outlives a rotation of the data key, and ends with everything of its owner', async () => {
    const home = await startSession(noOutside);
    onTestFinished(() => home.close());
    const authenticator = await added(ann, 'Laptop', {}, home.broker);
    await enter(authenticator, {}, home.broker);
    const store = await openStore({
      store: { kind: 'file', path: home.broker.vault.location },
      key: { key: home.key, fallbackKeyFile: '/nowhere/key', keychain: false },
    });
    await rotateDataKey(store);
    await store.close();
    await home.broker.vault.refreshKeys();
    expect((await enter(authenticator, {}, home.broker)).person.user).toBe('ann');
    const second = await added(ann, 'Phone', {}, home.broker);
    const receipt = await endEverything(home.broker, ann, { forget: false, onStep: () => {} });
    expect(receipt).toMatchObject({ passkeys: 2, problems: [] });
    for (const one of [authenticator, second]) await expect(enter(one, {}, home.broker)).rejects.toMatchObject(refused);
  });

  it('329. that is added while everything ends is ended, too', async () => {
    const who = somebody();
    const visit = await beginVisit(broker, who);
    const answer = createAuthenticator(rp.origin).make(await addOptions(broker, rp, visit));
    const commit: Broker['vault']['commit'] = async (changes) => {
      if (changes.some(({ op, kind }) => op === 'create' && kind === 'passkey'))
        await endEverything(broker, who, { forget: false, onStep: () => {} });
      await broker.vault.commit(changes);
    };
    const slow = { ...broker, vault: { ...broker.vault, commit } };
    const adding = addPasskey(slow, rp, visit, { name: 'Late', answer });
    await expect(adding).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await listPasskeys(broker, who)).toEqual([]);
  });
});

describe('the pages', () => {
  const csrfIn = ({ text }: Shown, action: string) => {
    const form = text.split('<form ').find((part) => part.includes(`action="${action}"`)) ?? '';
    return /name="csrf" value="([^"]*)"/.exec(form)?.[1] ?? '';
  };
  const at = (path: string) => `${rp.origin}${path}`;

  /** Signs in with a code, as the page's script does it in a browser that knows passkeys. */
  async function byCode(who: Owner, fields: Record<string, string> = { offer: 'passkey' }): Promise<[Browser, Shown]> {
    const browser = createBrowser();
    const page = await browser.open(at('/sign-in'));
    const { code } = await createSignInCode(broker, localPrincipal, who);
    const shown = await browser.send(at('/sign-in'), { csrf: csrfIn(page, '/sign-in'), to: '/', code, ...fields });
    return [browser, shown];
  }

  async function byPasskey(authenticator: Authenticator, change: Record<string, string> = {}) {
    const browser = createBrowser();
    const page = await browser.open(at('/sign-in'));
    const asked = JSON.parse((await browser.open(at('/sign-in/passkey/options'))).text);
    const sent = { csrf: csrfIn(page, '/sign-in/passkey'), to: '/', answer: authenticator.use(asked), ...change };
    return browser.send(at('/sign-in/passkey'), sent);
  }

  it('320. offer a passkey after a code, list it, and take it the next time', async () => {
    const who = somebody();
    const [browser, offered] = await byCode(who);
    expect(offered.heading).toBe('Sign in without a code next time');
    const authenticator = createAuthenticator(rp.origin);
    const asked = JSON.parse((await browser.open(at('/passkeys/options'))).text);
    const fields = { csrf: csrfIn(offered, '/passkeys'), to: '/', name: 'Work laptop' };
    const listed = await browser.send(at('/passkeys'), { ...fields, answer: authenticator.make(asked) });
    expect(listed.text).toContain('Work laptop');
    expect((await byPasskey(authenticator)).heading).toBe('Your connections');
    const [{ id = '' } = {}] = await listPasskeys(broker, who);
    for (const action of ['passkey.add', 'sign_in']) {
      const lines = (await audited(action)).filter(({ subject }) => subject === id);
      expect(lines).toMatchObject([{ user: who.user, outcome: 'allowed' }]);
    }
    const [, without] = await byCode(who, {});
    expect(without.heading).toBe('Your connections');
  });

  it('325. take their own forms alone: none of another browser, person or site', async () => {
    const who = somebody();
    const [browser] = await byCode(who);
    const [hers, herPage] = await byCode(mallory);
    const answer = createAuthenticator(rp.origin).make(JSON.parse((await browser.open(at('/passkeys/options'))).text));
    const csrf = csrfIn(herPage, '/passkeys');
    expect((await browser.send(at('/passkeys'), { csrf, name: 'Hers', answer })).status).toBe(403);
    const own = csrfIn(await browser.open(at('/passkeys')), '/passkeys');
    expect((await hers.send(at('/passkeys'), { csrf: own, name: 'His', answer })).status).toBe(403);
    expect(await listPasskeys(broker, who)).toEqual([]);
    // Signing a victim in as the attacker takes the victim's form, and a challenge for the victim's browser.
    expect((await byPasskey(await added(mallory), { csrf: 'x' })).status).toBe(403);
    const { id } = await added(who).then(async () => (await listPasskeys(broker, who))[0] ?? { id: '' });
    const remove = { csrf: csrfIn(await hers.open(at('/passkeys')), '/passkeys'), id };
    expect((await hers.send(at('/passkeys/remove'), remove)).status).toBe(404);
    expect(await listPasskeys(broker, who)).toHaveLength(1);
    const signedOut = await createBrowser().open(at('/passkeys'));
    expect(signedOut.heading).toBe('Sign in to Keyward');
  });

  it('330. say the same to whoever brings an unknown, a removed or a wrong passkey, and turn nobody away for others', async () => {
    const who = somebody();
    const [removed, good] = [await added(who), await added(who)];
    const [first] = await listPasskeys(broker, who);
    await removePasskey(broker, who, first?.id ?? '');
    const told = async (authenticator: Authenticator, change = {}) => {
      const { status, text } = await byPasskey(authenticator, change);
      return [status, text.replaceAll(/value="[^"]*"/g, '')];
    };
    const unknown = await told(createAuthenticator(rp.origin));
    expect(unknown[0]).toBe(422);
    expect(await told(removed)).toEqual(unknown);
    expect(await told(good, { answer: good.use({ challenge: 'eA', rpId: 'localhost' }) })).toEqual(unknown);
    expect((await audited('sign_in')).at(-1)).toMatchObject({ tenant: '', user: '', outcome: 'refused' });
    for (let wrong = 3; wrong < 20; wrong += 1) await byPasskey(removed);
    expect((await byPasskey(removed)).status).toBe(429);
    expect((await byPasskey(good)).heading).toBe('Your connections');
  });

  it('331. offer none at an address without a name, and say where there is one', async () => {
    const browser = createBrowser();
    const page = await browser.open(`${server.origin}/sign-in`);
    expect(page.text).not.toContain('data-passkey');
    const { code } = await createSignInCode(broker, localPrincipal, somebody());
    const fields = { csrf: csrfIn(page, '/sign-in'), to: '/', code, offer: 'passkey' };
    expect((await browser.send(`${server.origin}/sign-in`, fields)).heading).toBe('Your connections');
    expect((await browser.open(`${server.origin}/passkeys`)).text).toContain(
      `href="${rp.origin}/sign-in?to=/passkeys"`,
    );
  });

  it('332. answer nothing of all this where an issuer says who is there', async () => {
    const names = { issuer: 'https://issuer.example', tenantClaim: null, userClaim: 'sub' };
    const other = await startSignInServer(noOutside, { issuer: { names, client: null } });
    onTestFinished(() => other.close());
    const origin = other.origin.replace('127.0.0.1', 'localhost');
    const browser = createBrowser();
    browser.cookies.set('keyward', await beginVisit(other.broker, ann));
    for (const path of ['/passkeys', '/passkeys/options', '/sign-in/passkey/options']) {
      expect((await browser.open(`${origin}${path}`)).status).toBe(404);
    }
    for (const path of ['/passkeys', '/passkeys/remove', '/sign-in/passkey']) {
      expect((await browser.send(`${origin}${path}`, {})).status).toBe(404);
    }
    for (const path of ['/', '/sign-in'])
      expect((await browser.open(`${origin}${path}`)).text).not.toMatch(/passkeys?"/);
  });
});
