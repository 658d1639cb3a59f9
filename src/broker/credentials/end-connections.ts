/** Ending every connection of one owner: nobody can use it, each grant is revoked at its service, and no secret that ended is kept. */
import { hasCode, toPublic } from '../../errors.ts';
import { inParallel } from '../../in-parallel.ts';
import type { Principal } from '../../principal.ts';
import type { Credential, CredentialSecret, ReplacedSecret } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { amend, holdingGrant } from '../grants/amend.ts';
import { unsavedFor } from '../grants/fresh-tokens.ts';
import { allOf } from '../input/paging.ts';
import { quoted } from '../input/text.ts';
import { forgetSeen } from '../mcp-servers/seen.ts';
import type { Revocation } from '../oauth/revoke.ts';
import { about } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { removeRecord, revokeGrant, whereToRemove } from './delete.ts';
import { endedReason, isEnded } from './ended.ts';

/** What became of one connection. */
export type EndedConnection = {
  readonly credentialId: string;
  readonly name: string;
  readonly connectorId: string;
  /** At the service, now or when it was ended before. One that failed is tried again the next time. */
  readonly revocation: Revocation;
  /** Whether its record is gone. */
  readonly deleted: boolean;
  /** What is left for the person. */
  readonly detail?: string;
};

/** Services that are asked at a time. */
const atOnce = 8;

/** Connections that nobody can use any more, by id: each record as it was before. */
export type Blocked = Map<string, Credential>;

/** Times that it is looked for what came meanwhile. */
const maxRounds = 5;

/**
 * From here on nobody can use the owner's connections, and their shares are gone. Looks again until nothing new appears. One
 * that can not be blocked keeps no other from it.
 *
 * @param blocked those of an earlier call, to which these are added
 * @returns problems, in words; none when every connection is blocked
 */
export async function blockConnections(broker: Broker, principal: Principal, blocked: Blocked): Promise<string[]> {
  let problems: string[] = [];
  for (let round = 0; round < maxRounds; round += 1) {
    const owned = await ownedBy(broker, principal);
    const open = owned.filter((one) => !blocked.has(one.id) || !isEnded(one));
    if (open.length === 0) return [];
    problems = [];
    for (const credential of open) {
      try {
        if (!blocked.has(credential.id)) await authorize(broker, principal, 'credential.end', about(credential));
        const before = await block(broker, credential);
        if (!blocked.has(credential.id)) blocked.set(credential.id, before);
      } catch (error) {
        if (hasCode(error, 'not_found')) continue;
        problems.push(`${quoted(credential.name)} can still be used: ${toPublic(error).message}`);
      }
    }
  }
  return problems;
}

/**
 * Asks each service to end what was blocked, each grant for itself: another one that ended with it is for the service to
 * say. A service that fails keeps no other from being asked, and its record keeps the secret, so that doing it again goes on.
 *
 * @param forget also deletes each record whose grant is not left behind by a failure
 * @param onStep is told how many connections are done, and of how many
 */
export async function endConnections(
  broker: Broker,
  principal: Principal,
  blocked: Blocked,
  { forget, onStep }: { readonly forget: boolean; readonly onStep: (done: number, total: number) => void },
): Promise<readonly EndedConnection[]> {
  const owned = [...blocked.values()];
  const step = (done: number) => onStep(done, owned.length);
  const end = (one: Credential) =>
    endOne(broker, principal, one, forget).catch((error: unknown) => failed(broker, one, error));
  return (await inParallel(owned, atOnce, end, step)).filter((one) => one !== null);
}

function ownedBy(broker: Broker, principal: Principal): Promise<Credential[]> {
  return allOf((page) => broker.vault.list('credential', principal, {}, page));
}

/** Answers the record as it was before. */
async function block(broker: Broker, credential: Credential): Promise<Credential> {
  let before = credential;
  await amend(broker, credential, (now) => {
    before = now;
    const statusReason = isEnded(now) ? now.statusReason : endedReason;
    return { record: { ...now, status: 'reconnect_required', statusReason, shares: [] } };
  });
  return before;
}

/**
 * Null where somebody deleted it meanwhile. Waits for a refresh under way, so that what gets revoked is the newest grant.
 *
 * @param seen the record from before it was blocked
 */
function endOne(
  broker: Broker,
  principal: Principal,
  seen: Credential,
  forget: boolean,
): Promise<EndedConnection | null> {
  return holdingGrant(broker, seen.id, async () => {
    const credential = await broker.vault.get('credential', principal, seen.id);
    if (credential === undefined) return null;
    const opened = await broker.vault.open('credential', credential).catch(() => null);
    const secret = unsavedFor(broker, credential) ?? opened;
    const before = isEnded(seen) && secret !== null && isErased(secret) ? revocationBefore(credential, secret) : null;
    const own = before ?? (await revokeGrant(broker, principal, credential, secret));
    const revocation = (await endReplaced(broker, principal, credential)) ? own : 'failed';
    const left = revocation === 'revoked' ? null : whereToRemove(broker, credential);
    const deleted = forget && revocation !== 'failed';
    if (deleted) await removeRecord(broker, principal, credential);
    else if (before === null) await settle(broker, credential, revocation === 'failed' ? null : secret, left);
    broker.unsaved.delete(credential.id);
    broker.coolDowns.delete(credential.id);
    return { ...named(seen), revocation, deleted, ...(left !== null && { detail: left }) };
  });
}

/** Blocks it once more, since a refresh that was under way may have stored its tokens; a secret that ended goes. */
async function settle(broker: Broker, credential: Credential, ended: CredentialSecret | null, left: string | null) {
  const statusReason = [endedReason, left ?? ''].join(' ').trim();
  await amend(broker, credential, async (now) => ({
    record: {
      ...now,
      status: 'reconnect_required',
      statusReason,
      shares: [],
      refreshStartedAt: null,
      ...(now.seenTools && { seenTools: null }),
    },
    ...(ended !== null && { secret: erased(ended) }),
    alongside: await forgetSeen(broker, now),
  }));
}

/** What reconnecting replaced is a grant, too. True once nothing of it is left. */
async function endReplaced(broker: Broker, principal: Principal, credential: Credential): Promise<boolean> {
  const kept = await broker.vault.get('replacedSecret', principal, credential.id);
  if (kept === undefined) return true;
  const secret = await broker.vault.open('replacedSecret', kept);
  const revocation = await revokeGrant(broker, principal, { ...credential, ...placeOf(kept) }, secret);
  if (revocation === 'failed') return false;
  await broker.vault.commit([{ op: 'delete', kind: 'replacedSecret', record: kept }]);
  return true;
}

function placeOf({ inputs, authConfigId, authConfigOwner = null }: ReplacedSecret) {
  return { inputs, authConfigId, authConfigOwner };
}

function erased(secret: CredentialSecret): CredentialSecret {
  if (secret.kind === 'inputs') return { kind: 'inputs', inputs: {} };
  const { inputs: _, ...tokens } = secret;
  return { ...tokens, accessToken: '', refreshToken: null, kept: {} };
}

function isErased(secret: CredentialSecret): boolean {
  return secret.kind === 'inputs' ? Object.keys(secret.inputs).length === 0 : secret.accessToken === '';
}

/** What became of one that was ended before, as its record says. */
function revocationBefore({ statusReason }: Credential, { kind }: CredentialSecret): Revocation {
  return kind === 'tokens' && statusReason === endedReason ? 'revoked' : 'not_supported';
}

function failed(broker: Broker, credential: Credential, error: unknown): EndedConnection {
  const detail = `${toPublic(error).message} ${whereToRemove(broker, credential)}`;
  return { ...named(credential), revocation: 'failed', deleted: false, detail };
}

function named({ id: credentialId, name, connectorId }: Credential) {
  return { credentialId, name, connectorId };
}
