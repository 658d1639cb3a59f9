/** Creating a credential: at once when everything is there, else through an attempt that a person finishes. */

import { isOAuth, serverInputName, usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import { type Principal, subjectOf } from '../../principal.ts';
import type { Credential, ObtainedBy, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { requireConsent } from '../credentials/consent.ts';
import { inputSecret, obtain, type Plan, storeCredential } from '../credentials/store-credential.ts';
import { findAuthConfig, suits, type UsableAuthConfig, type Wanted } from '../grants/auth-configs.ts';
import { contextWith, noClient, oauthContext, requireAuth } from '../grants/oauth-context.ts';
import { readReturnTo } from '../grants/redirect-uri.ts';
import { takeScopes } from '../input/asked-scopes.ts';
import { fieldsOf } from '../input/fields.ts';
import { needsAuthConfigId, readInputs } from '../input/forms.ts';
import { inputError } from '../input/input-error.ts';
import { plainUrlProblems } from '../input/plain-urls.ts';
import { oneLine, readName } from '../input/text.ts';
import { requireCredential, requireMayCreate, requireMayName } from '../policy/access.ts';
import { actingFor, auditedRefusal } from '../policy/policy.ts';
import { startAttempt } from './attempts.ts';
import { argumentsDigest, type Created, type CreateInput } from './create-input.ts';

type CreateOptions = {
  readonly obtainedBy: ObtainedBy;
  /** Nothing is stored that the service did not take, such as while it can't be reached. */
  readonly onlyTaken?: boolean;
  /** The owner typed all of it on a page of their own just now. */
  readonly typedByOwner?: boolean;
  /** The program that asked, where it is not the one that calls; null: it has no name. */
  readonly askedBy?: string | null;
  /** Commits in the same step as a credential that is created at once. */
  readonly alongside?: (credentialId: string) => readonly VaultChange[];
};

/** Creates or reconnects a credential. */
export async function createCredential(
  broker: Broker,
  principal: Principal,
  input: CreateInput,
  options: CreateOptions,
): Promise<Created> {
  const { connectorId, authenticationType, userId, authConfigId, redirectUri, name, credentialId, ...fields } = input;
  const owner = await actingFor(broker, principal, userId);
  const connector = broker.catalogue.require(connectorId);
  if (credentialId === undefined) await requireMayCreate(broker, owner, connectorId);
  await requireMayName(broker, owner, 'credential.create', name);
  const auth = requireAuth(connector, authenticationType);
  const previous =
    credentialId === undefined
      ? null
      : await requireCredential(broker, owner, credentialId, {
          field: 'credentialId',
          action: 'credential.reconnect',
        });
  if (previous && (previous.connectorId !== connectorId || previous.authenticationType !== authenticationType)) {
    throw new KeywardError(
      'invalid_input',
      `credentialId belongs to ${previous.connectorId} (${previous.authenticationType}).`,
      {
        hint: 'Reconnect it with its own connectorId and authenticationType, or leave credentialId out to make a new one.',
        details: { fields: { credentialId: `belongs to ${previous.connectorId} (${previous.authenticationType})` } },
      },
    );
  }

  // What REST takes is documented, field by field.
  const taken = options.obtainedBy === 'rest' ? { scopes: null, fields } : takeScopes(connector, auth, fields);
  const given = readInputs(
    connector,
    auth,
    previous ? { ...askedFor(connector, auth, previous.inputs), ...taken.fields } : taken.fields,
  );
  const problems = {
    ...plainUrlProblems(broker.egress, given.inputs),
    ...given.problems,
    ...(taken.problem !== undefined && { scopes: taken.problem }),
  };
  if (Object.keys(problems).length > 0) throw inputError(problems);
  const oauth = authenticationType === 'oauth2' || authenticationType === 'oauth2_client_credentials';
  if (!oauth && authConfigId !== undefined)
    throw inputError({ authConfigId: `is not used with ${authenticationType}` });

  const returnTo = readReturnTo(broker.settings, redirectUri);
  if (options.obtainedBy === 'rest') {
    // A program gave everything that its form asks for, or is told: nobody is there to be asked on a page.
    const missing = [...given.missingSecrets];
    if (authenticationType === 'oauth2' && redirectUri === undefined) missing.push('redirectUri');
    if (missing.length > 0) throw missingError(missing);
  }
  const { obtainedBy, typedByOwner = false } = options;
  const wish = { connector, auth, given, scopes: taken.scopes, previous, obtainedBy, typedByOwner };
  await requireConsent(broker, owner, wish);
  const askedScopes = taken.scopes ?? previous?.askedScopes ?? null;
  const wanted = { connector, auth, inputs: given.inputs };
  const { inputs, config } = await findServer(broker, owner, wanted, askedScopes, authConfigId ?? null);
  const audience = options.obtainedBy === 'rest' ? 'program' : 'model';
  if (!config && needsAuthConfigId(auth, { audience, actsForOthers: owner.actor !== undefined })) {
    throw missingError(['authConfigId'], 'Store the OAuth client first, with POST /auth-configs: its id belongs here.');
  }

  const plan = {
    owner,
    connectorId,
    authenticationType,
    name: name === undefined ? usualName(owner, connector, previous, options.obtainedBy) : readName(name),
    reconnects: previous?.id ?? null,
    authConfigId: config?.id ?? null,
    authConfigOwner: config?.owner ?? null,
    inputs,
    askedScopes,
    obtainedBy: options.obtainedBy,
    onlyTaken: options.onlyTaken ?? false,
    ...(options.askedBy !== undefined && { client: options.askedBy }),
  };
  const filled = given.missingSecrets.length === 0 && (!oauth || config !== undefined);
  // A program that sends its own client is the person's word already; what a model names, the person has to see.
  const seen = options.obtainedBy === 'rest' || !(await handsOver(broker, plan));
  const complete = filled && (seen || authenticationType === 'oauth2');
  if (complete && authenticationType !== 'oauth2') {
    // Nobody was asked through the client: what is secret came with the call itself.
    const obtainedBy = options.obtainedBy === 'elicitation' ? 'tool' : options.obtainedBy;
    const subject = { ...plan, tenant: owner.tenant, owner: owner.user };
    const obtainSecret = async () =>
      usesTokenEndpoint(auth)
        ? obtain(config ? contextWith(broker, plan, config) : await oauthContext(broker, subject), given.secretInputs)
        : inputSecret(given.secretInputs);
    const credentialId = await storeCredential(broker, { ...plan, obtainedBy }, obtainSecret, options.alongside);
    return { kind: 'created', credentialId };
  }
  return startAttempt(broker, plan, {
    argumentsDigest: argumentsDigest(broker, input),
    returnTo,
    secretInputs: given.secretInputs,
    complete,
    device: given.flow === 'device',
    registered: config?.registration?.redirectUri,
  });
}

/** The OAuth client to use, and the inputs with what the server itself says: found and registered at where it must be. */
async function findServer(
  broker: Broker,
  owner: Principal,
  { connector, auth, inputs }: Wanted,
  scopes: readonly string[] | null,
  authConfigId: string | null,
): Promise<{ inputs: Readonly<Record<string, string>>; config: UsableAuthConfig | undefined }> {
  if (!isOAuth(auth)) return { inputs, config: undefined };
  if (auth.authenticationType !== 'oauth2' || serverInputName(auth) === null) {
    return { inputs, config: await suitable(broker, owner, { connector, auth, inputs }, authConfigId) };
  }
  const { ensureClient, discoverServer } = await import('../grants/discovered-server.ts');
  const all = await discoverServer(broker, owner, { connector, auth, inputs }, scopes);
  const config =
    authConfigId === null
      ? await ensureClient(broker, owner, { connector, auth, inputs: all }, scopes !== null)
      : await suitable(broker, owner, { connector, auth, inputs: all }, authConfigId);
  return { inputs: all, config };
}

/** True when somebody has to agree first that one party's token is given to another. */
async function handsOver(broker: Broker, plan: Plan): Promise<boolean> {
  const auth = requireAuth(broker.catalogue.require(plan.connectorId), plan.authenticationType);
  // The code flow has its page in any case.
  if (auth.authenticationType !== 'oauth2_client_credentials' || serverInputName(auth) === null) return false;
  const { handOverOf } = await import('../oauth/hand-over.ts');
  return (await handOverOf(contextWith(broker, plan, noClient))) !== null;
}

/** The auth config that was named, or the one to use; its secret stays with the hosts that it was entered for. */
async function suitable(broker: Broker, owner: Principal, wanted: Wanted, id: string | null) {
  const config = await findAuthConfig(broker, owner, wanted, id);
  if (config === undefined || suits(config, wanted)) return config;
  const error = new KeywardError(
    'forbidden',
    `The file of ${wanted.connector.name} names other hosts since this auth config was entered.`,
    {
      hint: 'Check that file. If it is right, leave authConfigId out: the person enters the OAuth client again on Keyward’s page, which shows the hosts. A program adds another auth config.',
    },
  );
  throw await auditedRefusal(broker, owner, 'credential.create', { connectorId: wanted.connector.id }, error);
}

/** The inputs that somebody gave, without what a server said. */
export function askedFor(connector: Connector, auth: AuthMethod, inputs: Readonly<Record<string, string>>) {
  const fields = fieldsOf(connector, auth);
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => fields.has(name)));
}

function missingError(fields: readonly string[], hint?: string): KeywardError {
  return inputError(Object.fromEntries(fields.map((field) => [field, 'is missing'])), hint);
}

/** Longest name of a person within a credential's name, in characters. */
const maxPerson = 40;

/** What REST names a credential after: “Ann's Slack Credential”. Elsewhere it is named after the connector alone. */
function usualName(owner: Principal, connector: Connector, previous: Credential | null, obtainedBy: ObtainedBy) {
  // An issuer's address is no name.
  const person = oneLine(subjectOf(owner.user), maxPerson);
  if (obtainedBy !== 'rest' || previous || person === null) return null;
  return `${person.charAt(0).toUpperCase()}${person.slice(1)}'s ${connector.name} Credential`;
}
