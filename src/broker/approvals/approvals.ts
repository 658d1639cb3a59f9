/**
 * Acts that need their owner's approval: handing out a raw secret, and whatever widens what others may do. The one place
 * that asks, and that finds the owner's answer when the assistant asks again.
 */
import { randomBytes } from 'node:crypto';
import { hasCode, KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Approval, ApprovalAct, ApprovalDetails, Credential, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { about } from '../policy/access.ts';
import { type Action, refused, requireScope, who } from '../policy/policy.ts';
import { approvalIdFor, approvalStateOf, approvalsOf, askedDigest, isGranted, requestLifetimeMs } from './state.ts';

/** What is asked for, about a credential of the caller's own. */
export type Asked = {
  readonly credential: Credential;
  readonly action: Action;
  readonly act: ApprovalAct;
  readonly details?: ApprovalDetails;
};

/** More open requests than this would be a flood of windows, not a question. */
const maxOpen = 5;
/** Pages of what is over can be read for so long. */
const keepMs = 3_600_000;

/**
 * Returns when `KEYWARD_RELEASE` lets this be done at once, or when the owner approved it; an approval for once is used
 * up by that, and of several callers one gets it.
 *
 * @throws KeywardError `approval_required` when the owner has been asked, `approval_denied` soon after a no,
 * `release_refused` where secrets are never handed out
 */
export async function requireApproval(broker: Broker, principal: Principal, asked: Asked): Promise<void> {
  const { credential, action, act, details = {} } = asked;
  const { release } = broker.settings;
  const refuse = (error: KeywardError) => refused(broker, principal, action, about(credential), error);
  if (release === 'never' && act === 'release') throw await refuse(never());
  // What a person gave through URL elicitation must not reach the client without their own act (MCP, elicitation).
  const elicited = act === 'release' && credential.obtainedBy === 'elicitation';
  if (release === 'allow' && !elicited) return;
  await requireScope(broker, principal, action, about(credential));

  const id = approvalIdFor(broker, principal, credential);
  const argumentsDigest = askedDigest(broker, credential, act, details);
  for (;;) {
    const found = await broker.vault.get('approval', principal, id);
    if (found && act === 'release' && isGranted(found)) return;
    const state = found && approvalStateOf(found);
    const same = found?.argumentsDigest === argumentsDigest;
    if (state === 'pending') throw await refuse(same ? waiting(id, act) : busy());
    if (state === 'denied') throw await refuse(denied());
    try {
      if (found && state === 'approved' && same) {
        await broker.vault.commit([{ op: 'update', kind: 'approval', record: { ...found, status: 'used' } }]);
        return;
      }
      const request = { connectorId: credential.connectorId, credentialId: credential.id, act, details } as const;
      const changes = await requestOf(broker, principal, { id, ...request, argumentsDigest }, found);
      if (changes === null) throw await refuse(tooMany());
      await broker.vault.audit({ ...who(principal), action: 'approval.ask', ...about(credential), outcome: 'allowed' });
      await broker.vault.commit(changes);
      throw await refuse(waiting(id, act));
    } catch (error) {
      // Somebody else asked or was answered at the same time: look again.
      if (!hasCode(error, 'conflict')) throw error;
    }
  }
}

/** The changes that store a request, and take away those that are long over; null when too many wait already. */
async function requestOf(
  broker: Broker,
  principal: Principal,
  request: Pick<Approval, 'id' | 'connectorId' | 'credentialId' | 'act' | 'details' | 'argumentsDigest'>,
  found: Approval | undefined,
): Promise<VaultChange[] | null> {
  const others = (await approvalsOf(broker, principal)).filter(({ id }) => id !== request.id);
  if (others.filter((one) => approvalStateOf(one) === 'pending').length >= maxOpen) return null;
  const now = Date.now();
  const over = others.filter((one) => Math.max(one.expiresAt, one.releaseUntil ?? 0) + keepMs < now);
  const fields = {
    ...request,
    client: principal.client ?? null,
    status: 'pending',
    shown: false,
    askedAt: now,
    expiresAt: now + requestLifetimeMs,
  } as const;
  // A new key: a page of the request before is good for nothing any more.
  const secret = { key: randomBytes(32).toString('base64url') };
  const { tenant, user } = principal;
  return [
    ...over.map((record) => ({ op: 'delete', kind: 'approval', record }) as const),
    found
      ? { op: 'update', kind: 'approval', record: { ...found, ...fields }, secret }
      : { op: 'create', kind: 'approval', record: { ...fields, tenant, owner: user, releaseUntil: null }, secret },
  ];
}

/**
 * What was asked and allowed about a credential that is gone, or about an earlier secret of it, counts for nothing any
 * more. A no still counts where it `keepsDenials`.
 */
export async function forgetRequests(
  broker: Broker,
  principal: Principal,
  credentialId: string,
  { keepsDenials = false } = {},
): Promise<void> {
  const about = (await approvalsOf(broker, principal)).filter(
    (one) => one.credentialId === credentialId && !(keepsDenials && one.status === 'denied'),
  );
  for (const record of about) {
    await broker.vault.commit([{ op: 'delete', kind: 'approval', record }]).catch((error: unknown) => {
      // Answered or purged at this moment: it is harmless without its credential, and goes with the next request.
      if (!hasCode(error, 'conflict')) throw error;
    });
  }
}

const whatFor = {
  release: 'Raw secrets are handed out only with the owner’s approval, which has been asked for.',
  share: 'Sharing needs the owner’s approval, which has been asked for.',
  policy: 'Allowing more calls needs the owner’s approval, which has been asked for.',
} as const;

/** Never holds the link: whoever reads an error could open it. */
function waiting(approvalId: string, act: ApprovalAct): KeywardError {
  return new KeywardError('approval_required', whatFor[act], {
    hint: 'Tell the person that Keyward asks for their approval: in a browser window, on the page of this Keyward after signing in, or with “keyward approvals” in a terminal. Then make the same call again.',
    details: { approvalId },
  });
}

function busy(): KeywardError {
  return new KeywardError('approval_required', 'Another request about this connection waits for the owner.', {
    hint: 'Ask the person to answer that one first, then make the call again.',
  });
}

function tooMany(): KeywardError {
  return new KeywardError('approval_required', 'Too many requests wait for the owner, who was not asked again.', {
    hint: 'Ask the person to answer them first, on Keyward’s page or with “keyward approvals” in a terminal.',
  });
}

function denied(): KeywardError {
  return new KeywardError('approval_denied', 'The owner said no.', {
    hint: 'Don’t ask again unless the person wants it; for some minutes Keyward will not ask them.',
  });
}

function never(): KeywardError {
  return new KeywardError('release_refused', 'This Keyward never hands out raw secrets.', {
    hint: 'The person who runs it set KEYWARD_RELEASE=never. Use verify_credential to check that the connection works.',
  });
}
