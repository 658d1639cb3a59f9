/** Sharing a connection: the owner lets another user, or a whole tenant, see it or use it. Its secret stays the owner's. */
import { KeywardError } from '../../errors.ts';
import { type Principal, subjectOf, userNamedBy } from '../../principal.ts';
import type { CallPolicy, Credential, Share } from '../../vault/vault.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { readingPolicy, widensPolicy } from '../calls/policy.ts';
import { type PolicyInput, readPolicy } from '../calls/policy-input.ts';
import { amend, changedMeanwhile } from '../grants/amend.ts';
import { serviceOf } from '../grants/oauth-context.ts';
import { inputError } from '../input/input-error.ts';
import { oneLine, quoted } from '../input/text.ts';
import { about, requireCredential } from '../policy/access.ts';
import { requireUnguessable } from '../policy/guessable.ts';
import { auditedRefusal, authorize, requireScope } from '../policy/policy.ts';
import { asOffer, isNamedPair, isOver, otherTenant, requireRoom, whileOffering } from './offers.ts';
import { type ShareView, sharesOf } from './view.ts';

/** Longest id of a user or tenant, in characters. */
const maxGrantee = 500;
/** More shares than this are a case for a tenant. */
const maxShares = 100;
const shareHint = 'share_connection takes connectionId, with, permission (view, use or none) and, for use, policy.';

export type ShareInput = {
  connectionId: string;
  /** `user:<id>` of the owner's tenant (a bare subject is of the owner's issuer), or `tenant:<id>`. */
  with: string;
  permission: 'view' | 'use' | 'none';
  /** What a `use` share may call; left out, methods that read, where a service’s GET does. */
  policy?: PolicyInput | undefined;
};

/**
 * Sets what one user or tenant may do with a connection; `none` withdraws it. Another tenant is made an offer, unless the
 * operator lets the two share at once. Answers all of the connection's shares.
 */
export async function shareConnection(
  broker: Broker,
  principal: Principal,
  input: ShareInput,
): Promise<{ connectionId: string; shares: ShareView[]; hint?: string }> {
  const action = 'credential.share';
  const credential = await requireCredential(broker, principal, input.connectionId, { field: 'connectionId', action });
  await requireScope(broker, principal, action, about(credential));
  const grantee = readGrantee(input.with, principal);
  const service = serviceOf(broker, credential);
  const policy = input.policy === undefined ? undefined : readPolicy(input.policy, service);
  if (service.protocol === 'mcp' && input.permission === 'use' && !policy?.tools) {
    throw inputError(
      {
        policy: 'must name the tools of the MCP server that the share may use, such as {"tools": {"allow": ["get_*"]}}',
      },
      shareHint,
    );
  }
  if (input.permission === 'use' && policy === undefined && service.unsafeGet) {
    throw inputError(
      { policy: 'must say what the share may call: a GET of this service may change something' },
      shareHint,
    );
  }
  const next = shareOf(grantee, input.permission, policy);
  if (next?.permission === 'use') {
    await requireUnguessable(await broker.vault.open('credential', credential)).catch(async (error: unknown) => {
      throw error instanceof KeywardError
        ? await auditedRefusal(broker, principal, action, about(credential), error)
        : error;
    });
  }
  const tenant = otherTenant({ with: grantee }, principal.tenant);
  const { shareTenants } = broker.settings;
  const offered = tenant !== null && !isNamedPair(shareTenants, principal.tenant, tenant);
  if (next !== null && offered && !shareTenants.offers) {
    throw await auditedRefusal(broker, principal, action, about(credential), withinTenant());
  }
  const wider = next !== null && widens(credential, next);
  // What somebody there has to take, and nobody could take just before, is one more offer that waits.
  const anew =
    offered && next !== null && (wider || credential.shares?.some((one) => one.with === grantee && isOver(one)));
  const room = () => (anew && tenant !== null ? requireRoom(broker, principal, tenant, credential.id) : undefined);
  await room();
  if (wider) {
    const { permission, policy } = next;
    const details = { with: grantee, permission, ...(policy && { policy }) };
    await requireApproval(broker, principal, { credential, action, act: 'share', details });
  }
  await authorize(broker, principal, action, about(credential));
  const store = () =>
    amend(broker, credential, (record) => {
      // Withdrawn meanwhile: what was a repetition would give it back.
      if (next !== null && !wider && widens(record, next)) throw changedMeanwhile();
      const held = record.shares?.find((share) => share.with === grantee);
      const others = (record.shares ?? []).filter((share) => share.with !== grantee);
      const share = next !== null && tenant !== null ? asOffer(next, held, widens(record, next)) : next;
      const shares = share === null ? others : [...others, share];
      if (shares.length > maxShares) throw inputError({ with: `would be more than ${maxShares} shares` }, shareHint);
      return { record: { ...record, shares } };
    });
  if (anew) {
    await whileOffering(broker, async () => {
      await room();
      await store();
    });
  } else await store();
  const changed = await requireCredential(broker, principal, credential.id, { field: 'connectionId', action });
  const hint = next === null ? null : await strangerHint(broker, principal, grantee);
  return { connectionId: changed.id, shares: sharesOf(changed, shareTenants), ...(hint !== null && { hint }) };
}

/** Records that a user leaves who has been here. */
const traces = ['credential', 'visit', 'session', 'passkey', 'approval', 'attempt', 'authConfig'] as const;

/** For a user of one's own tenant whom this Keyward has never seen: a mistyped name is no error, as they may come later. */
async function strangerHint(broker: Broker, { tenant }: Principal, grantee: string): Promise<string | null> {
  if (!grantee.startsWith('user:')) return null;
  const user = grantee.slice('user:'.length);
  for (const kind of traces)
    if ((await broker.vault.list(kind, { tenant, user }, {}, { limit: 1 })).length > 0) return null;
  return `Nobody called ${quoted(subjectOf(user))} has used this Keyward so far. If the name is right, the share waits for them; if not, take it back with permission none.`;
}

function withinTenant(): KeywardError {
  return new KeywardError('forbidden', 'This Keyward shares no connection with another tenant.', {
    hint: 'Share it with a user of your own tenant: user:<id>. Whoever runs this Keyward can allow more with KEYWARD_SHARE_TENANTS.',
  });
}

/** The share as it is stored; null for `none`. */
function shareOf(grantee: string, permission: ShareInput['permission'], policy: CallPolicy | undefined): Share | null {
  if (policy !== undefined && permission !== 'use')
    throw inputError({ policy: 'goes with the permission use only' }, shareHint);
  if (permission === 'none') return null;
  return { with: grantee, permission, ...(policy !== undefined && { policy }) };
}

/** True unless this grantee may do as much already. */
function widens({ shares }: Credential, next: Share): boolean {
  const held = shares?.find((share) => share.with === next.with);
  if (held === undefined) return true;
  if (next.permission === 'view') return false;
  // A share from before tools had rules names none, so it may use none.
  const namesTools = !held.policy?.tools && next.policy?.tools;
  return (
    held.permission === 'view' ||
    Boolean(namesTools) ||
    widensPolicy(held.policy ?? readingPolicy, next.policy ?? readingPolicy)
  );
}

function readGrantee(given: string, owner: Principal): string {
  const [, kind, id] = /^(user|tenant):(.+)$/s.exec(given) ?? [];
  if (kind === undefined || id === undefined || oneLine(id, maxGrantee) !== id) {
    throw inputError({ with: 'must be user:<id> or tenant:<id>' }, shareHint);
  }
  if (kind === 'tenant') return given;
  const user = userNamedBy(owner, id);
  if (user === owner.user) throw inputError({ with: 'names the owner' }, shareHint);
  return `user:${user}`;
}
