/** Signing in to the pages of HTTP mode with a code. Knows no HTTP. */
import { randomInt } from 'node:crypto';
import { hasCode, KeywardError } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import { nobody, type Owner, type Principal } from '../../principal.ts';
import type { Vault } from '../../vault/vault.ts';
import { idOfDigest } from '../input/text.ts';
import type { Refusals } from '../policy/audit.ts';
import { who } from '../policy/policy.ts';
import { checkNames } from './sessions.ts';

type Parts = { readonly vault: Vault };
type SignInParts = Parts & { readonly refusals: Refusals };

/** How long a sign-in code is good. */
const signInCodeLifetimeMs = 600_000;

/** No letter or digit that is easily taken for another one (Crockford's base 32): 12 of them are 60 bits. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const codeLength = 12;

/**
 * Makes a code that signs this person in once; only a keyed digest of it is stored. `by` is who makes it, for the
 * audit log.
 */
export async function createSignInCode(
  { vault }: Parts,
  by: Principal,
  person: Owner,
): Promise<{ readonly code: string; readonly expiresAt: number }> {
  checkNames(person);
  const text = Array.from({ length: codeLength }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
  const record = {
    id: codeId(vault, text),
    tenant: nobody.tenant,
    owner: nobody.user,
    expiresAt: Date.now() + signInCodeLifetimeMs,
  };
  const secret = { tenant: person.tenant, user: person.user };
  await vault.audit({ ...who(by), action: 'sign_in_code.create', subject: record.id, outcome: 'allowed' });
  await vault.commit([...(await expiredCodes(vault)), { op: 'create', kind: 'signInCode', record, secret }]);
  return { code: (text.match(/.{4}/g) ?? []).join('-'), expiresAt: record.expiresAt };
}

/**
 * Whom a typed code signs in; it is used up by that. Nobody is signed in before the audit log has it.
 *
 * @throws KeywardError `unauthenticated` for a code that is wrong, used or expired (audited), never saying which
 */
export async function useSignInCode(parts: SignInParts, typed: string): Promise<Owner> {
  const { vault } = parts;
  const id = codeId(vault, normalised(typed));
  const person = await useUp(vault, id);
  if (person !== null) {
    await noteSignIn(parts, person, id);
    return person;
  }
  await noteRefusedSignIn(parts, 'unauthenticated');
  throw new KeywardError('unauthenticated', 'This code is not good, or not any more.', {
    hint: 'A code works once, within ten minutes. Make a new one with: keyward sign-in',
  });
}

/** Takes the code out of the vault and answers whose it was; null when it is not good, or not any more. */
async function useUp(vault: Vault, id: string): Promise<Owner | null> {
  const record = await vault.get('signInCode', nobody, id);
  if (!record || record.expiresAt <= Date.now() || record.createdAt > Date.now()) return null;
  try {
    const { tenant, user } = await vault.open('signInCode', record);
    // Of two browsers with the same code, one gets a conflict.
    await vault.commit([{ op: 'delete', kind: 'signInCode', record }]);
    return { tenant, user };
  } catch (error) {
    if (hasCode(error, 'conflict', 'not_found')) return null;
    throw error;
  }
}

/** Writes down that somebody signs in; call it before they are. */
export async function noteSignIn({ vault }: Parts, { tenant, user }: Owner, subject?: string): Promise<void> {
  const about = subject === undefined ? {} : { subject };
  await vault.audit({ tenant, user, client: 'page', action: 'sign_in', ...about, outcome: 'allowed' });
}

/** Notes that somebody, nobody knows who, was not signed in. Only whoever runs Keyward reads of it. */
export async function noteRefusedSignIn({ refusals }: Pick<SignInParts, 'refusals'>, code: string): Promise<void> {
  await refusals.note({ ...nobody, client: 'page', action: 'sign_in', outcome: 'refused', code });
}

/** The form token of the sign-in page, for a browser with this cookie. */
export function signInCsrf({ vault }: Parts, browser: string): string {
  return vault.proof('sign-in-form', browser);
}

/** Deletions of the codes that nobody used in time. */
async function expiredCodes(vault: Vault) {
  const codes = await vault.list('signInCode', nobody, {}, { limit: 500 });
  const old = codes.filter(({ expiresAt }) => expiresAt <= Date.now());
  return old.map((record) => ({ op: 'delete', kind: 'signInCode', record }) as const);
}

/** Ends the codes that would still sign this person in. */
export async function endSignInCodes({ vault }: Parts, { tenant, user }: Owner): Promise<void> {
  await forEvery(await vault.list('signInCode', nobody, {}, { limit: 10_000 }), async (record) => {
    try {
      const person = await vault.open('signInCode', record);
      if (person.tenant === tenant && person.user === user)
        await vault.commit([{ op: 'delete', kind: 'signInCode', record }]);
    } catch (error) {
      // Used at this moment: the visit that it began is ended afterwards.
      if (!hasCode(error, 'conflict', 'not_found')) throw error;
    }
  });
}

/** The keyed digest of a code in the form of an id. */
function codeId(vault: Vault, code: string): string {
  return idOfDigest(vault.proof('sign-in-code', code));
}

/** As a person types it: any case, with or without dashes, and letters for the digits they look like. */
function normalised(typed: string): string {
  return typed
    .slice(0, 64)
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
}
