/** Connecting, as the pages see it. Knows no HTTP: `browser` is the value of the cookie that is bound to the attempt. */

import { clientsAt, isOAuth, serverInputName } from '../../connectors/auth-kinds.ts';
import { isBuiltin } from '../../connectors/builtin.ts';
import type { AuthMethod } from '../../connectors/definition/definition.ts';
import { serviceName } from '../../connectors/named-hosts.ts';
import { hasCode, KeywardError, toPublic } from '../../errors.ts';
import type { Attempt, AttemptSecret, Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { unconfirmed } from '../credentials/outcome.ts';
import { effortText, wayTitle } from '../credentials/ways.ts';
import { defaultAuthConfigId } from '../grants/auth-configs.ts';
import { contextWith, noClient, oauthContext, ownerOf, requireAuth } from '../grants/oauth-context.ts';
import { pageForm, readInputs } from '../input/forms.ts';
import { authorizationUrl } from '../oauth/authorize.ts';
import { scopesOf } from '../oauth/context.ts';
import { csrfFor, stateFor } from '../visitors/browser-binding.ts';
import { admit, isUnclaimed, type Visitor } from '../visitors/visitor.ts';
import { destinationOf } from './destination.ts';
import { borrowedClient, familyAround } from './family.ts';
import { mayBeginAgain, otherWays } from './other-ways.ts';
import { failureOf, needsAuthConfig, returnOf, stateOf, stepEndsAt } from './state.ts';
import type { ConnectView, Step } from './steps.ts';

/**
 * The page of an attempt. Changes nothing but how long an app may still be registered for, so a link prefetcher does no
 * harm.
 *
 * @throws KeywardError `unauthenticated` or `forbidden`: see `admit`
 */
export async function viewAttempt(
  broker: Broker,
  attemptId: string,
  browser: string,
  visitor: Visitor,
): Promise<ConnectView> {
  const { attempt, secret } = await openAttempt(broker, attemptId);
  await admit(broker, attempt, visitor, browser);
  const connector = broker.catalogue.require(attempt.connectorId);
  const auth = requireAuth(connector, attempt.authenticationType);
  const previous = await credentialOf(broker, attempt, attempt.reconnects);
  return {
    attemptId,
    connector: { id: connector.id, name: serviceName(connector, auth, attempt.inputs), docsUrl: connector.docsUrl },
    scopeDescriptions: connector.scopeDescriptions,
    destination: destinationOf(connector, auth, attempt.inputs),
    reconnects: previous === undefined ? null : { name: previous.name, account: previous.account },
    shares: previous?.shares ?? [],
    client: attempt.client,
    own: attempt.obtainedBy === 'page',
    continuedAs: attempt.continuedAs ?? null,
    csrf: csrfFor(attemptId, secret.key, browser),
    ...(visitor !== 'local' && isUnclaimed(attempt)
      ? stateOf(attempt) === 'pending'
        ? { step: 'claim', expiresAt: attempt.expiresAt }
        : { step: 'expired', expiresAt: attempt.expiresAt, again: false }
      : await shownStep(broker, attempt, secret, browser)),
  };
}

/** The step, and until when: registering an app begins its hour anew whenever the page of that is opened. */
async function shownStep(
  broker: Broker,
  attempt: Attempt,
  secret: AttemptSecret,
  browser: string,
): Promise<Step & { expiresAt: number }> {
  const step = await stepOf(broker, attempt, secret, browser);
  const expiresAt = Math.min(stepEndsAt(attempt), attempt.createdAt + longestMs);
  if (step.step !== 'auth_config' || expiresAt - attempt.expiresAt < renewedAfterMs) {
    return { ...step, expiresAt: attempt.expiresAt };
  }
  await broker.vault
    .commit([{ op: 'update', kind: 'attempt', record: { ...attempt, expiresAt } }])
    .catch((error: unknown) => {
      // Sent or opened elsewhere at the same moment, which is as good.
      if (!hasCode(error, 'conflict')) throw error;
    });
  return { ...step, expiresAt };
}

/** However often its page is opened, an attempt ends, in milliseconds. */
const longestMs = 86_400_000;
/** A page that is opened again within this time, in milliseconds, writes nothing. */
const renewedAfterMs = 60_000;

async function stepOf(broker: Broker, attempt: Attempt, secret: AttemptSecret, browser: string): Promise<Step> {
  const state = stateOf(attempt);
  const again = mayBeginAgain(attempt);
  if (state === 'expired') return { step: 'expired', again };
  if (state === 'failed') return { step: 'failed', error: failureOf(attempt), returnTo: returnOf(attempt), again };
  if (state === 'completed') {
    const made = await credentialOf(broker, attempt, attempt.credentialId);
    const credential = made === undefined ? null : { ...made, unconfirmed: unconfirmed(broker, made) };
    return { step: 'completed', credential, returnTo: returnOf(attempt) };
  }
  if (attempt.status === 'exchanging') return { step: 'working' };

  const connector = broker.catalogue.require(attempt.connectorId);
  const auth = requireAuth(connector, attempt.authenticationType);
  const asked = await handOverFor(broker, attempt, secret).catch(failed);
  if (asked !== null) return asked;
  if (needsAuthConfig(attempt)) {
    const { scopes, appSteps } = isOAuth(auth) ? auth : { scopes: [], appSteps: [] };
    return {
      step: 'auth_config',
      clientsAt: clientsAt(connector, auth, attempt.inputs),
      redirectUri: attempt.flow === 'code' ? attempt.redirectUri : null,
      appSteps,
      ownFile: !isBuiltin(connector.id),
      scopes: attempt.askedScopes ?? scopes,
      secretNeeded: needsClientSecret(auth),
      family: familyAround(broker.catalogue, connector),
      others: (await otherWays(broker, attempt)).map((way) => ({
        authenticationType: way.auth.authenticationType,
        title: wayTitle(way),
        takes: effortText(way),
      })),
    };
  }
  if (readInputs(connector, auth, { ...attempt.inputs, ...secret.inputs }).missingSecrets.length > 0) {
    return { step: 'inputs', schema: pageForm(connector, auth), values: attempt.inputs, keyUrl: auth.keyUrl };
  }
  if (attempt.flow === 'form') return { step: 'working' };

  const context = await oauthContext(broker, attempt);
  const scopes = scopesOf(context);
  if (secret.device) {
    const { userCode, verificationUri, verificationUriComplete } = secret.device;
    return { step: 'device', scopes, userCode, verificationUri, verificationUriComplete };
  }
  if (attempt.flow === 'device') return { step: 'device_start', scopes };
  if (context.auth.authenticationType !== 'oauth2') throw new KeywardError('internal', 'Not an OAuth authorization.');
  try {
    const url = await authorizationUrl(
      { ...context, auth: context.auth },
      {
        redirectUri: attempt.redirectUri,
        state: stateFor(attempt.id, secret.key, browser),
        codeVerifier: secret.codeVerifier,
      },
    );
    const changeableClientId = isChangeable(attempt) ? context.client.clientId : null;
    const borrowed = await borrowedClient(broker, attempt, connector, context.auth);
    return { step: 'authorize', authorizationUrl: url.href, scopes, changeableClientId, borrowed };
  } catch (error) {
    return failed(error);
  }
}

/** Shown, not stored: a server that is down now may answer the next time the page is opened. */
function failed(error: unknown): Step {
  return { step: 'failed', error: toPublic(error), returnTo: null, again: false };
}

/** What the person has to agree to before anything else, unless they did; null where there is nothing. */
export async function handOverFor(
  broker: Broker,
  attempt: Attempt,
  { agreed }: AttemptSecret,
): Promise<(Step & { step: 'hand_over' }) | null> {
  const auth = requireAuth(broker.catalogue.require(attempt.connectorId), attempt.authenticationType);
  if (serverInputName(auth) === null) return null;
  const { handOverOf } = await import('../oauth/hand-over.ts');
  const context = contextWith(broker, attempt, noClient);
  const found = await handOverOf(context);
  if (found === null) return null;
  const step = {
    step: 'hand_over',
    tokenOf: found.tokenOf.join(' and '),
    givenTo: found.givenTo.join(' and '),
    choices: found.scopes,
    scopes: scopesOf(context),
  } as const;
  return agreed === agreementTo(step) ? null : step;
}

/** What is kept of an agreement: it holds for these two, and ends when a server names others. */
export function agreementTo({ tokenOf, givenTo }: { readonly tokenOf: string; readonly givenTo: string }): string {
  return `${tokenOf} > ${givenTo}`;
}

async function credentialOf(broker: Broker, attempt: Attempt, id: string | null): Promise<Credential | undefined> {
  return id === null ? undefined : broker.vault.get('credential', ownerOf(attempt), id);
}

/** The attempt and its secret part; `not_found` for an unknown id. */
export async function openAttempt(
  broker: Broker,
  attemptId: string,
): Promise<{ attempt: Attempt; secret: AttemptSecret }> {
  const attempt = await broker.vault.findAttempt(attemptId);
  if (!attempt) {
    throw new KeywardError('not_found', 'This link leads nowhere any more.', {
      hint: 'Ask your assistant to start connecting again.',
    });
  }
  return { attempt, secret: await broker.vault.open('attempt', attempt) };
}

/** True for a client of the person's own: not for the one of the environment, nor for that of a backend. */
export function isChangeable({ authConfigId, authConfigOwner }: Attempt): boolean {
  return authConfigId !== null && authConfigId !== defaultAuthConfigId && (authConfigOwner ?? null) === null;
}

/** True when the service knows no public clients (RFC 6749 §2.1), so that a client secret has to be entered. */
export function needsClientSecret(auth: AuthMethod): boolean {
  if (auth.authenticationType === 'oauth2_client_credentials') return true;
  return auth.authenticationType === 'oauth2' && auth.tokenEndpointAuthMethod !== 'none' && !auth.publicClients;
}
