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
  /** When the token ends, in milliseconds since 1970. */
  readonly endsAt: number;
};

/**
 * Signs out the browsers that the issuer signed in for this subject, or for this session. The audit log has it before. A
 * token that comes again ends nothing: somebody may have signed in since.
 *
 * @returns how many browsers that were
 */
export async function endVisitsOfIssuer(parts: Parts, logout: Logout): Promise<number> {
  const { vault } = parts;
  // Rare enough to look through all of them: an issuer names no tenant, and perhaps no subject.
  const found = (await allOf((page) => vault.listTokens('visit', page))).filter((visit) => isMeant(visit, logout));
  const [first] = found;
  if (first === undefined || !(await isFirst(parts, first, logout))) return 0;
  for (const { tenant, owner: user, id } of found) {
    await vault.audit({ tenant, user, client: 'issuer', action: 'sign_out', subject: id, outcome: 'allowed' });
  }
  await forEvery(found, (visit) => endFoundVisit(parts, visit));
  return found.length;
}

function isMeant({ issued }: Visit, { issuer, subject, session }: Logout): boolean {
  if (issued?.issuer !== issuer) return false;
  if (subject !== null && issued.subject !== subject) return false;
  return session === null || issued.session === session;
}

/** False for a token that came before. It is remembered with whoever it signs out, for as long as it could come again. */
async function isFirst({ vault }: Parts, { tenant, owner }: Visit, { issuer, tokenId, endsAt }: Logout) {
  await vault.purge('usedChallenge', Date.now());
  const id = idOfDigest(vault.proof('logout-token', JSON.stringify([issuer, tokenId])));
  const record = { id, tenant, owner, expiresAt: endsAt };
  if ((await vault.get('usedChallenge', { tenant, user: owner }, id)) !== undefined) return false;
  try {
    await vault.commit([{ op: 'create', kind: 'usedChallenge', record, secret: {} }]);
  } catch (error) {
    if (hasCode(error, 'conflict')) return false;
    // So many sign-outs within an hour are not remembered, and are done all the same.
    if (!hasCode(error, 'limit_reached')) throw error;
  }
  return true;
}
