/** The forms of the connect pages: what a person typed, checked and stored. */
import { isOAuth, namedServer, serverInputName } from '../../connectors/auth-kinds.ts';
import { hasCode, KeywardError, toPublic } from '../../errors.ts';
import type { Attempt, AttemptSecret, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { inputSecret, obtain } from '../credentials/store-credential.ts';
import { authConfigProblems, newAuthConfig } from '../grants/auth-configs.ts';
import { contextWith, oauthContext, ownerOf, requireAuth } from '../grants/oauth-context.ts';
import { redirectUriFor } from '../grants/redirect-uri.ts';
import { readInputs } from '../input/forms.ts';
import { plainUrlProblems } from '../input/plain-urls.ts';
import type { OAuthContext } from '../oauth/context.ts';
import { authorize } from '../policy/policy.ts';
import { browserMark, type Sender } from '../visitors/visitor.ts';
import { beginDevice, watchDevice } from './device.ts';
import { finishAttempt, personOf } from './finish.ts';
import { agreementTo, handOverFor, isChangeable, needsClientSecret, openAttempt } from './page.ts';
import { commitForm, openForm, sentTwice } from './sent-form.ts';
import { failAttempt, needsAuthConfig, stepEndsAt } from './state.ts';

/** What was wrong with a form, by field; null when it was accepted. */
type FormOutcome = { readonly problems: Readonly<Record<string, string>> } | null;

/** What a service's answer to what was entered may be. */
const serviceFailures = ['provider_refused', 'provider_unavailable', 'provider_garbled', 'egress_refused'] as const;

/** The person chose to go on with a link that a backend vouched for: from here on it works in this browser only. */
export async function claimAttempt(broker: Broker, attemptId: string, sender: Sender): Promise<void> {
  const { attempt, browser } = await openForm(broker, attemptId, sender, true);
  await commitForm(broker, [
    { op: 'update', kind: 'attempt', record: { ...attempt, browser: browserMark(attemptId, browser) } },
  ]);
}

/**
 * The person agrees that one party's token is given to another. Of what the receiver wants, only what was chosen on the
 * page is asked for.
 */
export async function agreeToHandOver(
  broker: Broker,
  attemptId: string,
  sender: Sender,
  fields: Readonly<Record<string, string>>,
): Promise<FormOutcome> {
  const { attempt, secret } = await openForm(broker, attemptId, sender);
  const asked = await handOverFor(broker, attempt, secret);
  // Another pair than the one that was shown is shown first.
  if (asked === null || fields.agreement !== agreementTo(asked)) return null;
  const auth = requireAuth(broker.catalogue.require(attempt.connectorId), attempt.authenticationType);
  const name = isOAuth(auth) ? auth.scopesInput : null;
  const chosen = asked.choices?.map((scope) => scope.name).filter((scope) => Object.hasOwn(fields, `scope ${scope}`));
  const inputs = chosen && name !== null ? { ...attempt.inputs, [name]: chosen.join(' ') } : attempt.inputs;
  await authorize(broker, personOf(attempt), 'attempt.agree', { subject: attemptId, connectorId: attempt.connectorId });
  const record = { ...attempt, inputs };
  await commitForm(broker, [
    { op: 'update', kind: 'attempt', record, secret: { ...secret, agreed: agreementTo(asked) } },
  ]);
  return attempt.flow === 'form' && !needsAuthConfig(attempt) ? finishForm(broker, attemptId) : null;
}

/** The owner goes on with a device flow: now the service is asked for the code. */
export async function startDeviceFromPage(broker: Broker, attemptId: string, sender: Sender): Promise<FormOutcome> {
  const { attempt, secret } = await openForm(broker, attemptId, sender);
  if (attempt.flow !== 'device' || secret.device !== null || needsAuthConfig(attempt)) return null;
  try {
    await tryClient(broker, attempt, secret, await oauthContext(broker, attempt), []);
    return null;
  } catch (error) {
    if (!hasCode(error, ...serviceFailures)) throw error;
    return { problems: { flow: problemText(error) } };
  }
}

/** Takes the OAuth client that the person registered, then goes on with the attempt. */
export async function submitAuthConfig(
  broker: Broker,
  attemptId: string,
  sender: Sender,
  fields: { clientId: string; clientSecret: string },
): Promise<FormOutcome> {
  const { attempt, secret } = await openForm(broker, attemptId, sender);
  if (!needsAuthConfig(attempt) || (await handOverFor(broker, attempt, secret)) !== null) return null;
  const connector = broker.catalogue.require(attempt.connectorId);
  const auth = requireAuth(connector, attempt.authenticationType);
  const typed = { clientId: fields.clientId.trim(), clientSecret: fields.clientSecret.trim() };
  const problems = authConfigProblems(typed, needsClientSecret(auth));
  if (Object.keys(problems).length > 0) return { problems };

  const wanted = { connector, auth, inputs: attempt.inputs };
  const config = newAuthConfig(ownerOf(attempt), wanted, `${connector.name} app`, typed.clientId);
  await authorize(broker, personOf(attempt), 'auth_config.create', { subject: config.id, connectorId: connector.id });
  const clientSecret = typed.clientSecret === '' ? null : typed.clientSecret;
  const changes: VaultChange[] = [{ op: 'create', kind: 'authConfig', record: config, secret: { clientSecret } }];
  const chosen = { ...attempt, authConfigId: config.id, authConfigOwner: null };
  const next = { ...chosen, expiresAt: stepEndsAt(chosen) };
  if (attempt.flow === 'code') {
    await commitForm(broker, [...changes, { op: 'update', kind: 'attempt', record: next }]);
    return null;
  }
  const client = { clientId: typed.clientId, clientSecret };
  const usable = { id: config.id, client, scopes: null, hosts: config.hosts };
  try {
    await tryClient(broker, next, secret, contextWith(broker, attempt, usable), changes);
    return null;
  } catch (error) {
    if (!hasCode(error, ...serviceFailures)) throw error;
    return { problems: { clientId: problemText(error) } };
  }
}

/** The service is asked before the client is stored: a wrong one is a problem of this form and stays in nobody's way. */
async function tryClient(
  broker: Broker,
  next: Attempt,
  secret: AttemptSecret,
  context: OAuthContext,
  changes: readonly VaultChange[],
): Promise<void> {
  if (next.flow === 'form') {
    await finishAttempt(broker, next, () => obtain(context, {}), changes);
    return;
  }
  const { device, expiresAt } = await beginDevice(context);
  const record = { ...next, expiresAt: Math.min(next.expiresAt, expiresAt) };
  await commitForm(broker, [...changes, { op: 'update', kind: 'attempt', record, secret: { ...secret, device } }]);
  watchDevice(broker, next.id);
}

/** Takes what the connector's form asks for: secrets, and connection inputs. */
export async function submitInputs(
  broker: Broker,
  attemptId: string,
  sender: Sender,
  fields: Readonly<Record<string, string>>,
): Promise<FormOutcome> {
  const { attempt, secret } = await openForm(broker, attemptId, sender);
  const connector = broker.catalogue.require(attempt.connectorId);
  const auth = requireAuth(connector, attempt.authenticationType);
  const given = readInputs(connector, auth, fields);
  const problems = { ...plainUrlProblems(broker.egress, given.inputs), ...given.problems };
  for (const field of given.missingSecrets) problems[field] ??= 'is missing';
  if (Object.keys(problems).length > 0) return { problems };
  const record = { ...attempt, inputs: given.inputs };
  if (attempt.flow === 'form' && auth.authenticationType !== 'oauth2_client_credentials')
    return trySecret(broker, record, given.secretInputs);
  await commitForm(broker, [
    { op: 'update', kind: 'attempt', record, secret: { ...secret, inputs: given.secretInputs } },
  ]);
  return attempt.flow === 'form' ? finishForm(broker, attemptId) : null;
}

/** A secret is tried before it is stored; one that the service refuses is a problem of the form. */
async function trySecret(
  broker: Broker,
  attempt: Attempt,
  secretInputs: Readonly<Record<string, string>>,
): Promise<FormOutcome> {
  try {
    await finishAttempt(broker, attempt, async () =>
      attempt.authenticationType === 'oauth2_jwt_bearer'
        ? obtain(await oauthContext(broker, attempt), secretInputs)
        : inputSecret(secretInputs),
    );
    return null;
  } catch (error) {
    if (hasCode(error, 'conflict')) throw sentTwice();
    if (!(error instanceof KeywardError)) throw error;
    if (!hasCode(error, ...serviceFailures, 'invalid_input')) {
      await failAttempt(broker, attempt, error);
      return null;
    }
    return { problems: { [Object.keys(secretInputs)[0] ?? '']: problemText(error) } };
  }
}

/** The form was the last thing missing. */
async function finishForm(broker: Broker, attemptId: string): Promise<FormOutcome> {
  const { attempt } = await openAttempt(broker, attemptId);
  try {
    await finishAttempt(broker, attempt, async () => obtain(await oauthContext(broker, attempt), {}));
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    await failAttempt(broker, attempt, error);
  }
  return null;
}

/** The person wants another OAuth client: neither a mistyped one nor one that the server forgot may stay in the way. */
export async function forgetAuthConfig(broker: Broker, attemptId: string, sender: Sender): Promise<void> {
  const { attempt } = await openForm(broker, attemptId, sender);
  if (!isChangeable(attempt)) return;
  const chosen = { ...attempt, ...(await clientInsteadOf(broker, attempt)) };
  const record = { ...chosen, expiresAt: stepEndsAt(chosen) };
  await commitForm(broker, [{ op: 'update', kind: 'attempt', record }]);
}

/** Another client may have been registered with another redirect URI; one that a person enters has the usual one. */
async function clientInsteadOf(
  broker: Broker,
  attempt: Attempt,
): Promise<Pick<Attempt, 'authConfigId' | 'redirectUri'>> {
  const { connectorId, authenticationType, inputs, redirectUri } = attempt;
  const connector = broker.catalogue.require(connectorId);
  const auth = requireAuth(connector, authenticationType);
  if (auth.authenticationType !== 'oauth2' || serverInputName(auth) === null)
    return { authConfigId: null, redirectUri };
  const { replaceClient } = await import('../grants/discovered-server.ts');
  const made = await replaceClient(broker, personOf(attempt), auth, attempt);
  const usual = redirectUriFor(broker.pages.callbackOrigin, connector, auth, namedServer(auth, inputs));
  return {
    authConfigId: made?.id ?? null,
    redirectUri: attempt.flow === 'code' ? (made?.registration?.redirectUri ?? usual) : redirectUri,
  };
}

/** The person pressed “Cancel” on the page. */
export async function cancelFromPage(broker: Broker, attemptId: string, sender: Sender): Promise<void> {
  const { attempt } = await openForm(broker, attemptId, sender);
  await authorize(broker, personOf(attempt), 'attempt.cancel', {
    subject: attempt.id,
    connectorId: attempt.connectorId,
  });
  await failAttempt(
    broker,
    attempt,
    new KeywardError('cancelled', 'The person cancelled on Keyward’s page.', {
      hint: 'Ask whether to try again before calling create_credential.',
    }),
  );
}

function problemText(error: unknown): string {
  const { message, hint } = toPublic(error);
  return hint === undefined ? message : `${message} ${hint}`;
}
