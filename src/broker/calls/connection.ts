/** An open connection: everything that a request of it may name, read once and in one place. */
import { isOAuth, usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { type Values, variablesIn } from '../../connectors/template.ts';
import type { Credential, CredentialSecret } from '../../vault/vault.ts';
import type { Broker, Opened } from '../broker.ts';
import { withCurrentInputs } from '../grants/current-inputs.ts';
import { oauthContext, requireAuth } from '../grants/oauth-context.ts';
import { fresh } from '../grants/refresh.ts';
import { type SecretHistory, type ServiceAnswerFacts, type Verdict, verdictOfService } from '../grants/verdict.ts';

/** A connection that is open for use. Its secret is good now, and its inputs are those that its definition asks for now. */
export type Connection = {
  readonly connector: Connector;
  readonly auth: AuthMethod;
  readonly credential: Credential;
  readonly secret: CredentialSecret;
  /** Everything that a template may name: the inputs, what the service sent, the secret, and the OAuth client's id. */
  readonly values: Values;
};

/**
 * Opens a connection, and refreshes its tokens where they are due.
 *
 * @param options.force refreshes tokens that are not due, because the service refused them
 * @throws KeywardError `reconnect_required`, `not_found` when its OAuth client is gone, and what a refresh throws
 */
export async function openConnection(
  broker: Broker,
  seen: Credential,
  options: { readonly force?: boolean } = {},
): Promise<Connection> {
  const connector = broker.catalogue.require(seen.connectorId);
  const auth = requireAuth(connector, seen.authenticationType);
  return connectionOf(broker, connector, auth, await fresh(broker, seen, options));
}

/** The connection of a credential and its secret, which need not be stored yet. */
export async function connectionOf(
  broker: Broker,
  connector: Connector,
  auth: AuthMethod,
  { credential: stored, secret }: Opened,
): Promise<Connection> {
  const credential = withCurrentInputs(connector, auth, stored, secret);
  const client = secret.kind === 'tokens' && isOAuth(auth) && namesClient(auth);
  const clientId = client ? { clientId: (await oauthContext(broker, credential)).client.clientId } : {};
  return { connector, auth, credential, secret, values: { ...valuesOf({ credential, secret }), ...clientId } };
}

/** An answer, the connection that it was given to, and what it says about that connection's grant. */
export type Judged<Answer> = { readonly connection: Connection; readonly answer: Answer; readonly verdict: Verdict };

/**
 * Sends a request of a connection. When the service refuses its token, renews the token once and sends again.
 *
 * @param send makes and sends the request
 * @param options.repeatable false for a body that is gone once it was sent. The refusal is answered, and the token is
 *   renewed all the same, so that the caller's own retry works.
 * @param options.settle the call is made to find out: a young token is renewed too
 * @param options.discard frees an answer that nobody reads
 */
export async function sendWithRenewal<Answer extends ServiceAnswerFacts>(
  broker: Broker,
  credential: Credential,
  send: (connection: Connection) => Promise<Answer>,
  options: {
    readonly repeatable?: boolean;
    readonly settle?: boolean;
    readonly discard?: (answer: Answer) => Promise<void>;
  } = {},
): Promise<Judged<Answer>> {
  const { repeatable = true, settle = false, discard } = options;
  const connection = await openConnection(broker, credential);
  const answer = await send(connection);
  const verdict = verdictOfService(answer, historyOf(connection, settle), connection.auth.api.invalidToken);
  if (verdict !== 'renew') return { connection, answer, verdict };
  const renew = () => openConnection(broker, connection.credential, { force: true });
  if (!repeatable) {
    await renew().catch(() => {});
    return { connection, answer, verdict };
  }
  // The token was revoked before its time, or the clock is wrong. The service did nothing, so asking again is safe.
  await discard?.(answer);
  const renewed = await renew();
  const second = await send(renewed);
  const last = { renewable: false, young: true };
  return {
    connection: renewed,
    answer: second,
    verdict: verdictOfService(second, last, renewed.auth.api.invalidToken),
  };
}

/**
 * A token this young is not renewed because of a refusal: the service means something else, unless its time was over when
 * the answer came.
 */
const youngMs = 60_000;

function historyOf({ auth, credential, secret }: Connection, settle: boolean): SecretHistory {
  const byItself = usesTokenEndpoint(auth) && auth.authenticationType !== 'oauth2';
  const renewable = secret.kind === 'tokens' && (secret.refreshToken !== null || byItself);
  const now = Date.now();
  const over = secret.kind === 'tokens' && secret.expiresAt !== null && secret.expiresAt <= now;
  return { renewable, young: !settle && !over && (credential.refreshedAt ?? 0) > now - youngMs };
}

function valuesOf({ credential, secret }: Opened): Values {
  if (secret.kind === 'inputs') return { ...credential.inputs, ...secret.inputs };
  return { ...credential.inputs, ...secret.kept, accessToken: secret.accessToken };
}

/** True where the definition puts the id of the OAuth client into calls, as Twitch wants it. */
function namesClient(auth: AuthMethod): boolean {
  const { api, inject } = auth;
  const known = clientNamers.get(auth);
  if (known !== undefined) return known;
  const injected = inject.flatMap((rule) => (rule.in === 'basic' ? [rule.username, rule.password] : [rule.value]));
  const names = [...Object.values(api.headers), ...injected].some((one) => variablesIn(one).includes('clientId'));
  clientNamers.set(auth, names);
  return names;
}

/** Definitions do not change, and every call asks. */
const clientNamers = new WeakMap<AuthMethod, boolean>();
