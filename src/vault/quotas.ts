/** How much one owner may keep of each kind. */
import type { Quota } from '../store/quota.ts';
import type { Kind } from '../store/store.ts';

/** Far more than a person connects. */
export const usualMaxCredentials = 1_000;
/** Of one credential on average; most take a quarter. */
const credentialBytes = 4 * 1024;
/** A few may take far more, such as the keys of service accounts. */
const leastBytes = 1024 * 1024;

/** @param maxCredentials what the operator allows one owner */
export function quotasWith(maxCredentials: number): Readonly<Record<Kind, Quota>> {
  return {
    credential: { rows: maxCredentials, bytes: Math.max(leastBytes, maxCredentials * credentialBytes) },
    // One for each credential, and for a while those of deleted ones.
    replacedSecret: { rows: 2 * maxCredentials },
    authConfig: { rows: 200 },
    // Ended ones can be read for an hour.
    attempt: { rows: 200, open: 20 },
    session: { rows: 1_000, open: 100 },
    // All of them belong to one owner that nobody can be.
    signInCode: { rows: 10_000 },
    // Signing in ends the oldest beyond twenty; so many may be there while several do so at once.
    visit: { rows: 100 },
    approval: { rows: 400, open: 20 },
  };
}
