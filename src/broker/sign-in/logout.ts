/** Signing out at the issuer signs out here, too (OpenID Connect Back-Channel Logout 1.0). Knows no HTTP. */
import { hasCode } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import type { Vault, Visit } from '../../vault/vault.ts';
import { allOf } from '../input/paging.ts';
import { idOfDigest } from '../input/text.ts';
import { endFoundVisit } from './visits.ts';

type Parts = { readonly vault: Vault };

/** A logout token that was verified (§2.4). One of subject and session is there. */
export type Logout = {
  readonly issuer: string;
  readonly subject: string | null;
  /** One session of the subject at the issuer, `sid`; null: all of them. */
  readonly session: string | null;
  /** Of this very token, `jti`. */
  readonly tokenId: string;
  /** It is about browsers that were signed in by then, in milliseconds since 1970. */
  readonly signedInBy: number;
  /** When the token ends, in milliseconds since 1970. */
  readonly endsAt: number;
};

/**
 * Signs out the browsers that the issuer signed in for this subject, or for this session. The audit log has it before. A
 * token that comes again ends nothing once all of it was done: somebody may have signed in since. After a failure the
 * issuer may send the same token, which ends what is left.
 *
 * @returns how many browsers that were
 */
export async function endVisitsOfIssuer(parts: Parts, logout: Logout): Promise<number> {
  const { vault } = parts;
  // Rare enough to look through all of them: an issuer names no tenant, and perhaps no subject.
  const found = (await allOf((page) => vault.listTokens('visit', page))).filter((visit) => isMeant(visit, logout));
  const [first] = found;
  // Looked up after the visits were: where it was not done by now, none of them began later.
  if (first === undefined || (await isDone(parts, first, logout))) return 0;
  for (const { tenant, owner: user, id } of found) {
    await vault.audit({ tenant, user, client: 'issuer', action: 'sign_out', subject: id, outcome: 'allowed' });
  }
  await forEvery(found, (visit) => endFoundVisit(parts, visit));
  await noteDone(parts, first, logout);
  return found.length;
}

function isMeant({ issued, createdAt }: Visit, { issuer, subject, session, signedInBy }: Logout): boolean {
  if (issued?.issuer !== issuer || createdAt > signedInBy) return false;
  if (subject !== null && issued.subject !== subject) return false;
  return session === null || issued.session === session;
}

/** True for a token that came before, and signed out everybody whom it named. */
async function isDone({ vault }: Parts, { tenant, owner }: Visit, logout: Logout): Promise<boolean> {
  await vault.purge('usedChallenge', Date.now());
  return (await vault.get('usedChallenge', { tenant, user: owner }, idOf(vault, logout))) !== undefined;
}

/** Remembers the token with whoever it signed out, for as long as it could come again. */
async function noteDone({ vault }: Parts, { tenant, owner }: Visit, logout: Logout): Promise<void> {
  const record = { id: idOf(vault, logout), tenant, owner, expiresAt: logout.endsAt };
  await vault.commit([{ op: 'create', kind: 'usedChallenge', record, secret: {} }]).catch((error: unknown) => {
    // It came twice at once; or so many sign-outs within an hour are not remembered, and were done all the same.
    if (!hasCode(error, 'conflict', 'limit_reached')) throw error;
  });
}

function idOf(vault: Vault, { issuer, tokenId }: Logout): string {
  return idOfDigest(vault.proof('logout-token', JSON.stringify([issuer, tokenId])));
}
