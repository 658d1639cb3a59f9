/**
 * Visits: which browsers are signed in to the pages of HTTP mode. A browser keeps whose visit it is, with a keyed digest
 * that only this vault can make; the vault keeps the visit itself, so that signing out ends it everywhere. Knows no HTTP.
 */
import { randomUUID } from 'node:crypto';
import { hasCode, KeywardError } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import { parseJson } from '../../json.ts';
import type { Owner } from '../../principal.ts';
import type { IssuedVisit, Vault, Visit } from '../../vault/vault.ts';
import { equalInConstantTime } from '../visitors/browser-binding.ts';

type Parts = { readonly vault: Vault };

/** How long a browser stays signed in. */
export const visitLifetimeMs = 12 * 3_600_000;

/** So long ago somebody may have signed in who adds another way in. A cookie that was taken later is not enough for that. */
const recentMs = 600_000;

/** So many browsers of one person; one more ends the oldest visit. */
const maxVisits = 20;

type Named = Owner & { readonly id: string };

/**
 * Signs this person in, and answers what the browser keeps of it.
 *
 * @param passkeyId what signed them in, where it was a passkey
 * @param issued as whom the issuer did, where it was that
 * @throws KeywardError `unauthenticated` when that passkey is there no more
 */
export async function beginVisit(
  parts: Parts,
  { tenant, user }: Owner,
  { passkeyId, issued }: { readonly passkeyId?: string; readonly issued?: IssuedVisit } = {},
): Promise<string> {
  const { vault } = parts;
  const id = randomUUID();
  await vault.purge('visit', Date.now());
  const how = { ...(passkeyId && { passkeyId }), ...(issued && { issued }) };
  const record = { id, tenant, owner: user, expiresAt: Date.now() + visitLifetimeMs, ...how };
  await vault.commit([{ op: 'create', kind: 'visit', record, secret: {} }]);
  if (passkeyId !== undefined) await requirePasskey(parts, id, { tenant, user }, passkeyId);
  const visits = await visitsOf(parts, { tenant, user });
  for (const visit of visits.slice(0, -maxVisits)) await endFoundVisit(parts, visit);
  const payload = Buffer.from(JSON.stringify({ tenant, user, id })).toString('base64url');
  return `${payload}.${proofOf(parts, payload)}`;
}

/** Whoever removes a passkey looks for its visits afterwards; one that began later has to look for its passkey. */
async function requirePasskey(parts: Parts, id: string, person: Owner, passkeyId: string): Promise<void> {
  if ((await parts.vault.get('passkey', person, passkeyId)) !== undefined) return;
  const visit = await parts.vault.get('visit', person, id);
  if (visit !== undefined) await endFoundVisit(parts, visit);
  throw new KeywardError('unauthenticated', 'This passkey was removed at this moment.', {
    hint: 'Sign in with another one, or with a code.',
  });
}

/** Who a browser with this value is; null when it was altered, made elsewhere, is too old, or signed out. */
export async function visitorOf(parts: Parts, value: string): Promise<Owner | null> {
  const visit = await find(parts, value);
  return visit && { tenant: visit.tenant, user: visit.owner };
}

/** Who a browser with this value is, where they signed in within the last ten minutes; else null. */
export async function recentVisitorOf(parts: Parts, value: string): Promise<Owner | null> {
  const visit = await find(parts, value);
  return visit && Date.now() - visit.createdAt < recentMs ? { tenant: visit.tenant, user: visit.owner } : null;
}

/** Signs out the browser that keeps this value: it is nobody's from now on, wherever a copy of it is. */
export async function endVisit(parts: Parts, value: string): Promise<void> {
  const visit = await find(parts, value);
  if (visit !== null) await endFoundVisit(parts, visit);
}

/** Signs every browser of this person out; answers how many that were. */
export async function endVisits(parts: Parts, person: Owner): Promise<number> {
  const visits = await visitsOf(parts, person);
  await forEvery(visits, (visit) => endFoundVisit(parts, visit));
  return visits.filter(({ expiresAt }) => expiresAt > Date.now()).length;
}

/** Signs out the browsers that this passkey signed in. */
export async function endVisitsBy(parts: Parts, person: Owner, passkeyId: string): Promise<void> {
  const visits = await visitsOf(parts, person);
  await forEvery(
    visits.filter((visit) => visit.passkeyId === passkeyId),
    (visit) => endFoundVisit(parts, visit),
  );
}

function visitsOf({ vault }: Parts, { tenant, user }: Owner): Promise<Visit[]> {
  return vault.list('visit', { tenant, user }, {}, { limit: 10 * maxVisits });
}

async function find(parts: Parts, value: string): Promise<Visit | null> {
  const [payload = '', proof = '', ...rest] = value.split('.');
  if (rest.length > 0 || !equalInConstantTime(proof, proofOf(parts, payload))) return null;
  const { tenant, user, id } = parseJson(Buffer.from(payload, 'base64url').toString()) as Named;
  const visit = await parts.vault.get('visit', { tenant, user }, id);
  const now = Date.now();
  return visit && now < visit.expiresAt && visit.expiresAt <= now + visitLifetimeMs ? visit : null;
}

/** Signs out one browser. */
export async function endFoundVisit({ vault }: Parts, record: Visit): Promise<void> {
  await vault.commit([{ op: 'delete', kind: 'visit', record }]).catch((error: unknown) => {
    // Somebody else ended it.
    if (!hasCode(error, 'conflict')) throw error;
  });
}

function proofOf({ vault }: Parts, payload: string): string {
  return vault.proof('visit', payload);
}
