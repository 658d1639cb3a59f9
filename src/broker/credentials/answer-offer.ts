/** Offers as the people of the other tenant see them, and their answers. No tool and no operation of REST leads here. */
import { createHash } from 'node:crypto';
import { KeywardError } from '../../errors.ts';
import type { Owner, Principal } from '../../principal.ts';
import { type Credential, canonicalJson, type Share } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { inWords, readingPolicy } from '../calls/policy.ts';
import { amend } from '../grants/amend.ts';
import { quoted } from '../input/text.ts';
import { about } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { equalInConstantTime } from '../visitors/browser-binding.ts';
import { hasEnded, offerEndsAt, offeredTo } from './offers.ts';
import { knownAs } from './view.ts';

/** More people of a tenant than this are a case for a pair of tenants that the operator names. */
const maxTakers = 100;
/** Of those who declined, the newest are remembered. */
const maxDeclines = 500;

/** What a person needs to know to answer; texts of others are quoted. */
export type OfferView = {
  readonly credentialId: string;
  readonly name: string;
  /** Who offers it. */
  readonly from: string;
  /** Name of the service. */
  readonly connector: string;
  /** Where calls go. */
  readonly hosts: readonly string[];
  /** What a `use` share may call, in words; null for one that only shows the connection. */
  readonly calls: string | null;
  /** Milliseconds since 1970; null: it does not end by itself. */
  readonly endsAt: number | null;
  /** What a form about it carries: good for this browser, this person, and what is offered now. */
  readonly token: string;
};

/** What waits for this person, and what they took; oldest first. `browser` is a secret that only theirs has. */
export async function offersFor(
  broker: Broker,
  person: Owner,
  browser: string,
): Promise<{ readonly waiting: readonly OfferView[]; readonly taken: readonly OfferView[] }> {
  if (!broker.settings.shareTenants.offers) return { waiting: [], taken: [] };
  const offers = await offeredTo(broker, person.tenant);
  const shown = ({ credential, share }: Offer) => offerView(broker, person, browser, credential, share);
  return {
    waiting: offers.filter(({ share }) => isOpenTo(share, person)).map(shown),
    taken: offers.filter(({ share }) => share.takenBy?.includes(person.user)).map(shown),
  };
}

/**
 * Writes a person's answer down. `take` puts the connection into their lists; `decline` keeps or takes it out of them.
 * What was changed since the page was shown is not taken.
 *
 * @throws KeywardError `not_found` when nothing is offered, `forbidden` for a form of another page
 */
export async function answerOffer(
  broker: Broker,
  person: Owner,
  form: { readonly credentialId: string; readonly answer: string; readonly token: string; readonly browser: string },
): Promise<void> {
  const take = form.answer === 'take';
  if (!take && form.answer !== 'decline') {
    throw new KeywardError('invalid_input', 'This form is not one of Keyward’s.', { hint: 'Open the page once more.' });
  }
  const { offers } = broker.settings.shareTenants;
  const found = offers ? await offeredTo(broker, person.tenant) : [];
  const offer = found.find(({ credential }) => credential.id === form.credentialId);
  if (offer === undefined) throw gone();
  const principal: Principal = { ...person, scopes: new Set(['credentials:write']), client: 'page' };
  const proved = ({ credential, share }: Offer) =>
    equalInConstantTime(form.token, tokenFor(broker, person, form.browser, credential, share));
  if (!proved(offer)) throw otherPage();
  await authorize(broker, principal, take ? 'offer.take' : 'offer.decline', about(offer.credential));
  await amend(broker, offer.credential, (record) => {
    const grantee = `tenant:${person.tenant}`;
    const share = record.shares?.find((one) => one.with === grantee);
    if (share === undefined) throw gone();
    if (!proved({ credential: record, share })) throw otherPage();
    const answered = take ? taken(share, person) : declined(share, person);
    return { record: { ...record, shares: record.shares?.map((one) => (one === share ? answered : one)) ?? [] } };
  });
}

type Offer = { readonly credential: Credential; readonly share: Share };

/** True while this person has not answered and it is not over. */
function isOpenTo(share: Share, person: Owner): boolean {
  return !hasEnded(share) && !share.takenBy?.includes(person.user) && !share.declinedBy?.includes(markOf(person));
}

function taken(share: Share, person: Owner): Share {
  const others = share.takenBy?.filter((user) => user !== person.user) ?? [];
  if (hasEnded(share) && others.length === (share.takenBy ?? []).length) throw gone();
  if (others.length >= maxTakers) {
    throw new KeywardError('conflict', `${maxTakers} people took this offer, and no more can.`, {
      hint: 'Ask whoever runs this Keyward to let the two tenants share at once (KEYWARD_SHARE_TENANTS).',
    });
  }
  return { ...share, takenBy: [...others, person.user] };
}

function declined({ takenBy, ...share }: Share, person: Owner): Share {
  const others = takenBy?.filter((user) => user !== person.user) ?? [];
  const marks = (share.declinedBy ?? []).filter((mark) => mark !== markOf(person));
  const declinedBy = [...marks, markOf(person)].slice(-maxDeclines);
  return { ...share, declinedBy, ...(others.length > 0 && { takenBy: others }) };
}

/** Whoever declines is nobody's business, and must not make a stranger's record long. */
function markOf({ tenant, user }: Owner): string {
  return createHash('sha256')
    .update(JSON.stringify([tenant, user]))
    .digest('base64url')
    .slice(0, 16);
}

function offerView(broker: Broker, person: Owner, browser: string, credential: Credential, share: Share): OfferView {
  return {
    credentialId: credential.id,
    name: quoted(credential.name),
    from: knownAs(credential, person),
    connector: broker.catalogue.get(credential.connectorId)?.name ?? credential.connectorId,
    hosts: credential.hosts,
    calls: share.permission === 'use' ? inWords(share.policy ?? readingPolicy) : null,
    endsAt: offerEndsAt(share),
    token: tokenFor(broker, person, browser, credential, share),
  };
}

/** Over all that the page shows: a form takes what was read on it, and nothing else. */
function tokenFor(
  broker: Broker,
  { tenant, user }: Owner,
  browser: string,
  credential: Credential,
  share: Share,
): string {
  const { id, tenant: from, owner, name, connectorId, hosts } = credential;
  const { permission, policy, offeredAt } = share;
  const rules = [policy?.methods, policy?.paths, policy?.tools && canonicalJson(policy.tools)];
  const shown = [id, from, owner, name, connectorId, hosts, permission, ...rules, offeredAt];
  return broker.vault.proof('offer-form', JSON.stringify([browser, tenant, user, shown]));
}

function gone(): KeywardError {
  return new KeywardError('not_found', 'This is not offered to you any more.', {
    hint: 'Whoever offered it may have taken it back, or it has ended. Nothing was changed.',
  });
}

function otherPage(): KeywardError {
  return new KeywardError('forbidden', 'This form was not sent from its own page, or the offer was changed since.', {
    hint: 'Go back, reload the page and look at what is offered now.',
  });
}
