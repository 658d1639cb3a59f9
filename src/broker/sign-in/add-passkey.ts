/** Adding a passkey, for whoever signed in a moment ago. */
import { type ErrorCode, KeywardError } from '../../errors.ts';
import { type Owner, subjectOf } from '../../principal.ts';
import type { PasskeySecret } from '../../vault/vault.ts';
import { readName } from '../input/text.ts';
import { challengeLifetimeMs, isCurrent, newChallenge, usedUp } from './challenges.ts';
import { endPasskey, listPasskeys, noteAct, opened, type PasskeyParts, passkeyIdOf, tried } from './passkeys.ts';
import { recentVisitorOf, visitorOf } from './visits.ts';
import { algorithms, type RelyingParty, readAnswer, verifyNew } from './webauthn.ts';

/** Longest credential id, in base64url (1,023 bytes: WebAuthn Level 3, §4). */
const maxCredentialId = 1_364;

/**
 * What a browser is asked to make a passkey of.
 *
 * @param visit what the browser keeps of its sign-in
 * @throws KeywardError `unauthenticated` unless somebody signed in there within the last ten minutes
 */
export async function addOptions(parts: PasskeyParts, rp: RelyingParty, visit: string) {
  const person = await recentVisitorOf(parts, visit);
  if (person === null) throw signInAgain();
  const { generateRegistrationOptions } = await import('@simplewebauthn/server');
  const known = await secretsOf(parts, person);
  return generateRegistrationOptions({
    rpName: 'Keyward',
    rpID: rp.id,
    userID: new Uint8Array(Buffer.from(handleOf(parts, person, known), 'base64url')),
    userName: subjectOf(person.user),
    userDisplayName: subjectOf(person.user),
    challenge: newChallenge(parts, 'add', visit),
    // The same authenticator is of no use twice.
    excludeCredentials: known.map(({ credentialId }) => ({ id: credentialId })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    attestationType: 'none',
    supportedAlgorithmIDs: algorithms,
    timeout: challengeLifetimeMs / 2,
  });
}

/**
 * Adds a passkey of whoever signed in to this browser.
 *
 * @throws KeywardError `unauthenticated` when nobody is signed in there, `invalid_input` for a name that can't be one or an answer that is
 * wrong, late, used or somebody's passkey already (audited), `limit_reached`
 */
export async function addPasskey(
  parts: PasskeyParts,
  rp: RelyingParty,
  visit: string,
  { name, answer }: { readonly name: string; readonly answer: string },
): Promise<void> {
  // Only a browser that was signed in lately has a challenge to answer.
  const person = await visitorOf(parts, visit);
  if (person === null) throw signInAgain();
  const called = readName(name);
  const given = readAnswer(answer);
  const expected = { rp, isCurrent: (text: string) => isCurrent(parts, 'add', visit, text) };
  const made = given && (await verifyNew(given, expected));
  if (!made || made.credentialId.length > maxCredentialId) throw await refusedToAdd(parts, person);
  const { challenge, credentialId, publicKey, counter } = made;
  const userHandle = handleOf(parts, person, await secretsOf(parts, person));
  const { tenant, user: owner } = person;
  const record = { id: passkeyIdOf(credentialId), tenant, owner, name: called, counter, usedAt: null, copiedAt: null };
  await noteAct(parts, person, 'passkey.add', record.id);
  const done = [
    await usedUp(parts, person, challenge),
    { op: 'create', kind: 'passkey', record, secret: { credentialId, publicKey, userHandle } } as const,
  ];
  if (!(await tried(parts, done))) throw await refusedToAdd(parts, person);
  // Whoever ends everything ends visits first, and then looks for what they added.
  if ((await visitorOf(parts, visit)) !== null) return;
  await endPasskey(parts, person, record.id);
  throw signInAgain();
}

async function secretsOf(parts: PasskeyParts, person: Owner) {
  const all = await Promise.all((await listPasskeys(parts, person)).map((passkey) => opened(parts, passkey)));
  return all.filter((secret) => secret !== null);
}

/** What authenticators call this person: what they do already, or else what nobody can tell the person from. */
function handleOf(
  { vault }: PasskeyParts,
  { tenant, user }: Owner,
  known: readonly Pick<PasskeySecret, 'userHandle'>[],
): string {
  const fresh = () => Buffer.from(vault.proof('passkey-user', JSON.stringify([tenant, user])), 'hex');
  return known[0]?.userHandle ?? fresh().toString('base64url');
}

async function refusedToAdd({ refusals }: PasskeyParts, { tenant, user }: Owner): Promise<KeywardError> {
  const code: ErrorCode = 'invalid_input';
  await refusals.note({ tenant, user, client: 'page', action: 'passkey.add', outcome: 'refused', code });
  return new KeywardError(
    code,
    'The passkey was not added: it came too late, came twice, or is not one for this page.',
    {
      hint: 'Try once more.',
    },
  );
}

function signInAgain(): KeywardError {
  return new KeywardError('unauthenticated', 'You are not signed in here, or not since a moment ago.', {
    hint: 'Sign in once more, then add the passkey.',
  });
}
