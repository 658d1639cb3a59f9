/** Signing in with a passkey. Nobody is asked for a name: the passkey tells who is there. */
import { KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import type { Passkey } from '../../vault/vault.ts';
import { challengeLifetimeMs, isCurrent, isUsed, newChallenge, usedUp } from './challenges.ts';
import { noteRefusedSignIn, noteSignIn } from './code.ts';
import { opened, type PasskeyParts, passkeyIdOf, tried } from './passkeys.ts';
import { endVisitsBy } from './visits.ts';
import { type RelyingParty, readAnswer, verifyUse } from './webauthn.ts';

/** What a browser is asked to sign in with: any passkey that it has for this Keyward, and that looks who is there. */
export async function signInOptions(parts: PasskeyParts, rp: RelyingParty, browser: string) {
  const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
  return generateAuthenticationOptions({
    rpID: rp.id,
    challenge: newChallenge(parts, 'sign-in', browser),
    userVerification: 'required',
    timeout: challengeLifetimeMs / 2,
  });
}

/**
 * Whom a passkey signs in, and which one it was. Nobody is signed in before the audit log has it.
 *
 * @param browser what the challenge was made for
 * @param answer as the browser gave it
 * @throws KeywardError `unauthenticated` for one that is unknown, removed, wrong, late or used, never saying which;
 * `forbidden` for one that was copied; refusals are audited
 */
export async function usePasskey(
  parts: PasskeyParts,
  rp: RelyingParty,
  browser: string,
  answer: string,
): Promise<{ readonly person: Owner; readonly passkeyId: string }> {
  const given = readAnswer(answer);
  const passkey = given && (await parts.vault.findPasskey(passkeyIdOf(given.credentialId)));
  const secret = passkey && (await opened(parts, passkey));
  if (!given || !passkey || !secret) throw await refused(parts, notGood());
  const expected = { rp, isCurrent: (text: string) => isCurrent(parts, 'sign-in', browser, text) };
  const used = await verifyUse(given, secret, expected);
  const person = { tenant: passkey.tenant, user: passkey.owner };
  // An answer that is sent twice is no copy of the passkey.
  if (used === null || (await isUsed(parts, person, used.challenge))) throw await refused(parts, notGood());
  if (isCopy(passkey, used.counter)) throw await noteCopy(parts, passkey);
  const record = { ...passkey, counter: used.counter, usedAt: Date.now() };
  const done = [await usedUp(parts, person, used.challenge), { op: 'update', kind: 'passkey', record } as const];
  if (!(await tried(parts, done))) throw await refused(parts, notGood());
  await noteSignIn(parts, person, passkey.id);
  return { person, passkeyId: passkey.id };
}

/** True for a counter that does not grow: an older copy of the passkey, or the original after its copy was used (§6.1.1). */
function isCopy({ counter, copiedAt }: Passkey, next: number): boolean {
  return copiedAt !== null || ((next > 0 || counter > 0) && next <= counter);
}

/** Which of the two is the owner's can't be told, so neither signs in any more. Answers the error to throw. */
async function noteCopy(parts: PasskeyParts, passkey: Passkey): Promise<KeywardError> {
  const { tenant, owner: user, id: subject } = passkey;
  const error = copied();
  const event = { tenant, user, client: 'page', action: 'passkey.copied', subject };
  await parts.refusals.note({ ...event, outcome: 'refused', code: error.code });
  const record = { ...passkey, copiedAt: Date.now() };
  if (passkey.copiedAt === null) await tried(parts, [{ op: 'update', kind: 'passkey', record }]);
  // Any of them may be whoever has the copy.
  await endVisitsBy(parts, { tenant, user }, subject);
  return error;
}

async function refused(parts: PasskeyParts, error: KeywardError): Promise<KeywardError> {
  await noteRefusedSignIn(parts, error.code);
  return error;
}

function notGood(): KeywardError {
  return new KeywardError('unauthenticated', 'This passkey is not good here, or not any more.', {
    hint: 'Try once more. If you removed it, sign in with a code; it comes from: keyward sign-in',
  });
}

function copied(): KeywardError {
  return new KeywardError('forbidden', 'Somebody may have a copy of this passkey, so it signs nobody in any more.', {
    hint: 'Sign in with a code, which comes from: keyward sign-in. Then remove this passkey and add a new one.',
  });
}
