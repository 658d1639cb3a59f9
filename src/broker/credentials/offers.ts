/**
 * Offers: a share with another tenant, which reaches nobody there until somebody takes it. How they begin, stand and end,
 * and how many may wait. They are answered by people only, in `answer-offer.ts`.
 */
import type { Principal } from '../../principal.ts';
import { type Credential, offerTo, type Share, type ShareRule } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { inputError } from '../input/input-error.ts';
import { allOf } from '../input/paging.ts';

/** An offer that nobody took ends after so long. */
const offerLifetimeMs = 30 * 86_400_000;

/** How many offers may wait: those that one user made, those from one tenant to another, and all to one tenant. */
export const maxWaiting = { ofUser: 20, betweenTenants: 50, toTenant: 200 } as const;

/**
 * How a share with another tenant stands, for its owner: `offered` waits for somebody there, `taken` reaches who took it,
 * `ended` waited too long, `off` reaches nobody, because this Keyward shares nothing across tenants.
 */
export type OfferStatus = 'offered' | 'taken' | 'ended' | 'off';

/** The other tenant that this share names; null for one within the owner's tenant. */
export function otherTenant({ with: grantee }: Pick<Share, 'with'>, ownerTenant: string): string | null {
  const tenant = grantee.startsWith('tenant:') ? grantee.slice('tenant:'.length) : ownerTenant;
  return tenant === ownerTenant ? null : tenant;
}

/** True when the operator lets shares from one of these tenants reach all of the other at once. */
export function isNamedPair({ pairs }: ShareRule, from: string, to: string): boolean {
  return pairs.some((pair) => pair.from === from && pair.to === to);
}

/** When the offer ends unless somebody takes it, in milliseconds since 1970; null for one from before offers ended. */
export function offerEndsAt({ offeredAt }: Share): number | null {
  return offeredAt === undefined ? null : offeredAt + offerLifetimeMs;
}

export function hasEnded(share: Share, now = Date.now()): boolean {
  return now >= (offerEndsAt(share) ?? Number.POSITIVE_INFINITY);
}

/** True while nobody has taken the offer and somebody still can. */
function isWaiting(share: Share): boolean {
  return (share.takenBy ?? []).length === 0 && !hasEnded(share);
}

/** True once an offer ended that nobody took. */
export function isOver(share: Share): boolean {
  return (share.takenBy ?? []).length === 0 && hasEnded(share);
}

/** Null for a share that is no offer: within a tenant, or between tenants that the operator named. */
export function offerStatus(rule: ShareRule, share: Share, ownerTenant: string): OfferStatus | null {
  const tenant = otherTenant(share, ownerTenant);
  if (tenant === null || isNamedPair(rule, ownerTenant, tenant)) return null;
  if (!rule.offers) return 'off';
  if (isOver(share)) return 'ended';
  return isWaiting(share) ? 'offered' : 'taken';
}

/**
 * What is stored of a share with another tenant. Who took an offer took no more than that: a wider one is offered anew.
 * Who declined it is not asked again.
 */
export function asOffer(next: Share, held: Share | undefined, wider: boolean): Share {
  const declinedBy = held?.declinedBy === undefined ? {} : { declinedBy: held.declinedBy };
  const takenBy = held?.takenBy === undefined ? {} : { takenBy: held.takenBy };
  if (held === undefined || wider) return { ...next, ...declinedBy, offeredAt: Date.now() };
  const renewed = isOver(held) ? Date.now() : held.offeredAt;
  return { ...next, ...declinedBy, ...takenBy, ...(renewed !== undefined && { offeredAt: renewed }) };
}

/**
 * Returns when a share of this credential may wait as one more offer to that tenant. Call it, and store the share, within
 * {@link whileOffering}.
 *
 * @throws KeywardError `invalid_input` that says in words which bound is reached
 */
export async function requireRoom(broker: Broker, { tenant, user }: Principal, to: string, credentialId: string) {
  const others = ({ id }: Credential) => id !== credentialId;
  const own = (await allOf((page) => broker.vault.list('credential', { tenant, user }, {}, page))).filter(others);
  const made = own.flatMap(({ shares = [] }) => shares).filter((share) => waitsElsewhere(broker, share, tenant));
  const arrived = (await offeredTo(broker, to)).filter(
    ({ credential, share }) => others(credential) && isWaiting(share),
  );
  const between = arrived.filter(({ credential }) => credential.tenant === tenant);
  const full =
    made.length >= maxWaiting.ofUser
      ? `would be more than ${maxWaiting.ofUser} offers of yours that nobody has taken`
      : between.length >= maxWaiting.betweenTenants || arrived.length >= maxWaiting.toTenant
        ? 'has too many offers waiting there already'
        : null;
  if (full === null) return;
  const hint = 'Take an offer back with permission none, or wait until it is taken; after 30 days it ends by itself.';
  throw inputError({ with: full }, hint);
}

/** Counting what waits and adding to it is one step, whoever else shares at the same time. */
export function whileOffering<T>(broker: Broker, work: () => Promise<T>): Promise<T> {
  return broker.vault.withLease('offers', { waitMs: 10_000 }, work);
}

function waitsElsewhere({ settings }: Broker, share: Share, ownerTenant: string): boolean {
  const to = otherTenant(share, ownerTenant);
  return to !== null && !isNamedPair(settings.shareTenants, ownerTenant, to) && isWaiting(share);
}

/** Whatever other tenants have offered to this one, oldest credential first. */
export async function offeredTo(broker: Broker, tenant: string): Promise<{ credential: Credential; share: Share }[]> {
  const credentials = await allOf((page) => broker.vault.listOffered(tenant, page));
  return credentials.flatMap((credential) => {
    const share = offerTo(credential, tenant);
    const named = isNamedPair(broker.settings.shareTenants, credential.tenant, tenant);
    return share === undefined || named ? [] : [{ credential, share }];
  });
}
