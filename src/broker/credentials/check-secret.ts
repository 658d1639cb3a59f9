/** Whether a service takes a secret, before anybody reads that it is connected. */
import { setTimeout as delay } from 'node:timers/promises';
import { isOAuth } from '../../connectors/auth-kinds.ts';
import type { AuthMethod } from '../../connectors/definition/definition.ts';
import { hasCode, KeywardError, toPublic } from '../../errors.ts';
import type { Credential, CredentialSecret, New } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { connectionOf } from '../calls/connection.ts';
import type { ServerListing } from '../calls/list-server.ts';
import { type Finding, findingOf, isVerifiable, sendVerification } from '../calls/verification.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { verdictOfService } from '../grants/verdict.ts';

/** A person waits for the answer, in milliseconds. */
const timeoutMs = 10_000;
/** A token that was given a moment ago may not be known everywhere at the service yet. */
const spreadsWithinMs = 2_000;

/** What the service said of a secret that it takes, and of an MCP server what it has. */
type Checked = {
  readonly found: Pick<Credential, 'account' | 'statusReason'>;
  readonly listing: ServerListing | null;
};

/**
 * Asks the service with a secret that is not stored yet, where its connector says how. What it names is the account; what
 * kept it from answering is the reason to tell, and the secret is stored all the same.
 *
 * @throws KeywardError `invalid_input` for what somebody typed, and `provider_refused` for tokens that the service refuses
 */
export async function checkSecret(broker: Broker, record: New<Credential>, secret: CredentialSecret): Promise<Checked> {
  const connector = broker.catalogue.require(record.connectorId);
  const auth = requireAuth(connector, record.authenticationType);
  if (!isVerifiable(auth)) return { found: { account: null, statusReason: null }, listing: null };
  let listing: ServerListing | null = null;
  // What the vault adds; no request names it.
  const credential = { ...record, version: 0, secretVersion: 0, createdAt: 0, updatedAt: 0 };
  const ask = async (): Promise<Finding> => {
    const connection = await connectionOf(broker, connector, auth, { credential, secret });
    const answer = await sendVerification(broker, connection, { timeoutMs });
    listing = answer.listing ?? null;
    const verdict = verdictOfService(answer, { renewable: false, young: true }, auth.api.invalidToken);
    return findingOf({ connection, answer, verdict });
  };
  let found = await ask().catch(notAsked);
  if (found.kind === 'refused' && secret.kind === 'tokens') {
    await delay(spreadsWithinMs);
    found = await ask().catch(notAsked);
  }
  if (found.kind === 'taken') return { found: { account: found.account, statusReason: null }, listing };
  // Some services answer 401 where a scope is missing: a person who granted less than usual is connected all the same. So is
  // one whose token an MCP server does not take for listing: no definition says which scopes that needs.
  const lists = auth.api.protocol === 'mcp' && secret.kind === 'tokens';
  if (found.kind === 'unknown' || grantsLess(auth, secret) || lists) {
    return { found: { account: null, statusReason: found.reason }, listing: null };
  }
  const hint = `${found.reason} Nothing was stored. A key that was made a moment ago can need a minute at some services.`;
  const typed = secret.kind === 'inputs' ? Object.keys(secret.inputs)[0] : undefined;
  if (typed === undefined)
    throw new KeywardError('provider_refused', `${connector.name} gave a token and then refused it.`, { hint });
  const problem = `was not taken by ${connector.name}`;
  throw new KeywardError('invalid_input', `${typed} ${problem}.`, { hint, details: { fields: { [typed]: problem } } });
}

/** What kept the service from being asked, or from answering. A call that this connection can not fill is no refusal. */
function notAsked(error: unknown): Finding {
  if (!hasCode(error, ...notAsking)) throw error;
  const { message, hint = '' } = toPublic(error);
  return { kind: 'unknown', reason: `Not checked: ${message} ${hint}`.trim() };
}

const notAsking = [
  'provider_unavailable',
  'provider_garbled',
  'egress_refused',
  'egress_too_large',
  'invalid_input',
] as const;

/** True for tokens that lack a scope which the definition asks for. */
function grantsLess(auth: AuthMethod, secret: CredentialSecret): boolean {
  if (!isOAuth(auth) || secret.kind !== 'tokens' || secret.scopes === null) return false;
  const granted = secret.scopes;
  return auth.scopes.some((scope) => !granted.includes(scope));
}
