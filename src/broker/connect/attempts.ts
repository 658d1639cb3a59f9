/** Attempts: pending connect flows. They live in the vault, so any process can show, finish or check any of them. */
import { randomBytes, randomUUID } from 'node:crypto';
import { namedServer } from '../../connectors/auth-kinds.ts';
import { KeywardError, type PublicError, toPublic } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Attempt, AttemptSecret } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type ConnectOutcome, outcomeOf } from '../credentials/outcome.ts';
import type { Plan } from '../credentials/store-credential.ts';
import { oauthContext, requireAuth } from '../grants/oauth-context.ts';
import { connectUrlFor, redirectUriFor } from '../grants/redirect-uri.ts';
import { readId } from '../input/text.ts';
import { type Waiting, waitFor } from '../input/waiting.ts';
import { isWithin } from '../policy/limits.ts';
import { actingFor, authorize, requireWithin } from '../policy/policy.ts';
import { equalInConstantTime } from '../visitors/browser-binding.ts';
import { argumentsDigest, type Created, type CreateInput, type StartedAttempt } from './create-input.ts';
import { beginDevice, watchDevice } from './device.ts';
import { type AttemptState, expired, failAttempt, failureOf, stateOf, stepEndsAt } from './state.ts';

/** Ended attempts stay readable this long. */
const keepMs = 3_600_000;

/** Stores a pending attempt and answers the link for the person. */
export async function startAttempt(
  broker: Broker,
  plan: Plan,
  options: {
    readonly argumentsDigest: string;
    readonly returnTo: string | null;
    readonly secretInputs: Readonly<Record<string, string>>;
    /** Nothing is missing but the person's consent at the service. */
    readonly complete: boolean;
    readonly device: boolean;
    /** What the client is registered with, where Keyward registered it. */
    readonly registered?: string | undefined;
  },
): Promise<Created> {
  const { owner, ...planned } = plan;
  // Before the person does what would be refused at its end, and before a service is asked for a code.
  await broker.vault.requireRoom('attempt', owner);
  if (plan.reconnects === null) await broker.vault.requireRoom('credential', owner);
  const connector = broker.catalogue.require(plan.connectorId);
  const auth = requireAuth(connector, plan.authenticationType);
  const id = randomUUID();
  const flow = plan.authenticationType !== 'oauth2' ? 'form' : options.device ? 'device' : 'code';
  const { callbackOrigin } = broker.pages;
  // A device is told by its code where it is: the service sends nobody back.
  const redirectUri =
    flow === 'code'
      ? (options.registered ?? redirectUriFor(callbackOrigin, connector, auth, namedServer(auth, plan.inputs)))
      : `${callbackOrigin}/oauth/callback`;
  // Before anything is written: without pages nobody could finish.
  const origin = await broker.pages.open(id, flow === 'code');
  await authorize(broker, owner, 'attempt.start', { subject: id, connectorId: plan.connectorId });
  await broker.vault.purge('attempt', Date.now() - keepMs);
  await broker.vault.purge('replacedSecret', Date.now());

  const expiresAt = stepEndsAt(plan);
  const record = {
    ...planned,
    id,
    tenant: owner.tenant,
    owner: owner.user,
    flow,
    redirectUri,
    returnTo: options.returnTo,
    client: plan.client === undefined ? (owner.client ?? null) : plan.client,
    argumentsDigest: options.argumentsDigest,
    startedBy: owner.actor ?? null,
    browser: null,
    status: 'pending',
    credentialId: null,
    error: null,
    expiresAt,
  } as const;
  const secret: AttemptSecret = {
    // 32 random bytes make a 43 character verifier (RFC 7636 §4.1).
    codeVerifier: randomBytes(32).toString('base64url'),
    key: randomBytes(32).toString('base64url'),
    inputs: options.secretInputs,
    device: null,
  };
  const here = flow === 'device' && options.complete && goesStraight(broker);
  const device = here ? await beginDevice(await oauthContext(broker, record)) : null;
  const until = device === null ? expiresAt : Math.min(expiresAt, device.expiresAt);
  const started = { ...record, expiresAt: until };
  await broker.vault.commit([
    { op: 'create', kind: 'attempt', record: started, secret: { ...secret, device: device?.device ?? null } },
  ]);
  if (device) watchDevice(broker, id);
  return {
    kind: 'attempt',
    page: options.complete ? 'oauth' : 'connect',
    ...(device ? atService(device.device) : { url: connectUrlFor(broker.pages, origin, redirectUri, id) }),
    attemptId: id,
    expiresAt: until,
  };
}

/** Where an attempt stands, and what came of one that ended. */
type AttemptOutcome = Partial<ConnectOutcome> & { readonly status: AttemptState; readonly error?: PublicError };

/** Where an attempt stands, waiting up to `waitSeconds` for it to end. */
export async function checkAttempt(
  broker: Broker,
  principal: Principal,
  input: { attemptId: string; waitSeconds?: number | undefined },
  options: Waiting = {},
): Promise<AttemptOutcome> {
  await authorize(broker, principal, 'attempt.read');
  const look = async () => {
    const attempt = await followed(broker, principal, await requireAttempt(broker, principal, input.attemptId));
    const status = stateOf(attempt);
    if (status === 'pending' && attempt.flow === 'device' && input.waitSeconds) watchDevice(broker, attempt.id);
    return { attempt, status };
  };
  const wait = () => waitFor(look, (now) => now.status !== 'pending', input.waitSeconds ?? 0, options);
  const { attempt, status } = await (input.waitSeconds ? broker.underWay.waits.run(principal, wait) : wait());
  if (status === 'completed' && attempt.credentialId !== null)
    return { status, ...(await outcomeOf(broker, principal, attempt.credentialId)) };
  if (status === 'failed') return { status, error: failureOf(attempt) };
  if (status === 'expired')
    return { status, error: toPublic(expired(attempt, broker.catalogue.get(attempt.connectorId))) };
  return { status };
}

/** Ends a pending attempt because the person or the caller doesn't want it any more. */
export async function cancelAttempt(broker: Broker, principal: Principal, attemptId: string): Promise<void> {
  const attempt = await requireAttempt(broker, principal, attemptId);
  if (attempt.status !== 'pending') return;
  const canceller = await actingFor(broker, principal, attempt.owner);
  await authorize(broker, canceller, 'attempt.cancel', { subject: attempt.id, connectorId: attempt.connectorId });
  await failAttempt(
    broker,
    attempt,
    new KeywardError('cancelled', 'The person declined.', {
      hint: 'Ask whether to try again before calling create_credential.',
    }),
  );
}

/**
 * The attempt that comes back through URL elicitation, if it is the caller's own and was started with these very
 * arguments: `requestState` passes through the client, so it proves nothing by itself.
 */
export async function resumeAttempt(
  broker: Broker,
  principal: Principal,
  attemptId: string,
  input: CreateInput,
): Promise<StartedAttempt> {
  await requireWithin(broker, principal, 'attempt.start');
  const attempt = await requireAttempt(broker, principal, attemptId);
  if (!equalInConstantTime(argumentsDigest(broker, input), attempt.argumentsDigest)) {
    throw new KeywardError('forbidden', 'This attempt was started with other arguments.', {
      hint: 'Call create_credential afresh.',
    });
  }
  const { device } = await broker.vault.open('attempt', attempt);
  return {
    kind: 'attempt',
    page: attempt.flow === 'form' || attempt.authConfigId === null ? 'connect' : 'oauth',
    ...(device && goesStraight(broker)
      ? atService(device)
      : {
          url: connectUrlFor(
            broker.pages,
            await broker.pages.open(attempt.id, attempt.flow === 'code'),
            attempt.redirectUri,
            attempt.id,
          ),
        }),
    attemptId: attempt.id,
    expiresAt: attempt.expiresAt,
  };
}

/**
 * True where whoever asks sits at this computer, so that nobody else gets the link: it leads to the service at once,
 * because the person uses another device, which can't open the pages of this one (RFC 8628 §3.3.1). Elsewhere it leads to
 * the page of its owner, who signs in: a code that somebody else asked for would give them the person's account (§5.4).
 */
function goesStraight({ pages }: Broker): boolean {
  return pages.showLocally !== null;
}

function atService(device: NonNullable<AttemptSecret['device']>): { url: string; userCode: string } {
  return { url: device.verificationUriComplete ?? device.verificationUri, userCode: device.userCode };
}

async function requireAttempt(broker: Broker, principal: Principal, id: string): Promise<Attempt> {
  const attempt = await broker.vault.findAttempt(readId(id, 'attemptId'));
  if (attempt && isCallers(attempt, principal)) return attempt;
  throw new KeywardError('not_found', `There is no attempt ${id}.`, { hint: 'Start one with create_credential.' });
}

/** Where the person went on by another way, or began again, that attempt counts for whoever waits. */
async function followed(broker: Broker, principal: Principal, attempt: Attempt): Promise<Attempt> {
  if (attempt.continuedAs === undefined) return attempt;
  return followed(broker, principal, await requireAttempt(broker, principal, attempt.continuedAs));
}

/** True for the caller's own attempts, and for those that it started for somebody else while it still may. */
function isCallers(attempt: Attempt, { tenant, user, actor, scopes, limits }: Principal): boolean {
  if (attempt.tenant !== tenant) return false;
  if (!isWithin(limits, { id: attempt.reconnects, connectorId: attempt.connectorId })) return false;
  // What a user began in person is no business of whoever acts for that user.
  if (actor !== undefined && attempt.owner !== user) return false;
  if (actor === undefined && attempt.owner === user) return true;
  return attempt.startedBy === (actor ?? user) && scopes.has('credentials:act-as');
}
