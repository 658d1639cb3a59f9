/**
 * Challenges for passkeys (WebAuthn Level 3, §13.4.3). Nothing is stored for one that is asked for: it is a keyed digest of
 * the moment and of what the browser holds, so that any instance takes the answer, and only for that browser. Stored is
 * which were answered.
 */
import { randomBytes } from 'node:crypto';
import type { Owner } from '../../principal.ts';
import type { Vault, VaultChange } from '../../vault/vault.ts';
import { idOfDigest } from '../input/text.ts';
import { equalInConstantTime } from '../visitors/browser-binding.ts';

type Parts = { readonly vault: Vault };

/** What is asked for: an answer to one is none to the other. */
type Ceremony = 'sign-in' | 'add';

/** How long a person may take, in milliseconds. */
export const challengeLifetimeMs = 300_000;
/** So long an answered one is remembered, which bounds how often one person can use passkeys. */
const rememberedMs = 3_600_000;

/** A fresh challenge for the browser that holds `binding`. */
export function newChallenge(parts: Parts, ceremony: Ceremony, binding: string): string {
  const request = `${Date.now()}.${randomBytes(16).toString('hex')}`;
  return `${request}.${proofOf(parts, ceremony, binding, request)}`;
}

/** Whether a challenge was made for this browser, and not too long ago. */
export function isCurrent(parts: Parts, ceremony: Ceremony, binding: string, challenge: string): boolean {
  const [at = '', chance = '', proof = '', ...rest] = challenge.split('.');
  if (rest.length > 0) return false;
  if (!equalInConstantTime(proof, proofOf(parts, ceremony, binding, `${at}.${chance}`))) return false;
  return Math.abs(Date.now() - Number(at)) < challengeLifetimeMs;
}

/** Whether an answer to it was taken. */
export async function isUsed({ vault }: Parts, person: Owner, challenge: string): Promise<boolean> {
  return (await vault.get('usedChallenge', person, idOf(vault, challenge))) !== undefined;
}

/** What has to be committed together with an answer's effect: a second answer is a `conflict` then. */
export async function usedUp({ vault }: Parts, { tenant, user }: Owner, challenge: string): Promise<VaultChange> {
  await vault.purge('usedChallenge', Date.now());
  const record = { id: idOf(vault, challenge), tenant, owner: user, expiresAt: Date.now() + rememberedMs };
  return { op: 'create', kind: 'usedChallenge', record, secret: {} };
}

function idOf(vault: Vault, challenge: string): string {
  return idOfDigest(vault.proof('passkey-challenge', challenge));
}

function proofOf({ vault }: Parts, ceremony: Ceremony, binding: string, request: string): string {
  return vault.proof(`passkey-${ceremony}`, JSON.stringify([binding, request]));
}
