/** Release: handing a raw secret to its owner. */
import { inject } from '../../connectors/inject.ts';
import { fillTemplate, variablesIn } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker, Opened } from '../broker.ts';
import { connectionOf } from '../calls/connection.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { fresh } from '../grants/refresh.ts';
import { about, requireCredential } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { isoTime } from './view.ts';

/** The raw credentials as their owner reads them: never a refresh token, never a client secret. */
type ReleasedCredentials = Record<string, string | string[] | null>;

const asked = { field: 'connectionId', action: 'credential.release' } as const;

/** Releases a credential's secret to its owner, under the policy of `KEYWARD_RELEASE`. */
export async function getConnectionCredentials(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<{ connectionId: string; credentials: ReleasedCredentials }> {
  const opened = await release(broker, principal, input);
  return { connectionId: opened.credential.id, credentials: released(opened) };
}

/**
 * Releases the headers with which a call of this connection is made: a raw secret, in the form in which the service takes it.
 *
 * @throws KeywardError `invalid_input` where the secret is not, or not only, in headers
 */
export async function getConnectionHeaders(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<Readonly<Record<string, string>>> {
  const { connectorId, authenticationType } = await requireCredential(broker, principal, input.connectionId, asked);
  const connector = broker.catalogue.require(connectorId);
  const auth = requireAuth(connector, authenticationType);
  if (auth.inject.length === 0 || auth.inject.some((rule) => rule.in !== 'header' && rule.in !== 'basic')) {
    throw new KeywardError('invalid_input', `${connector.name} takes this secret in another place than a header.`, {
      hint: 'keyward token prints the secret alone, and keyward run --gateway puts it where it belongs.',
    });
  }
  const opened = await release(broker, principal, input);
  const { values } = await connectionOf(broker, connector, auth, opened);
  const filled = Object.entries(auth.api.headers).filter(([, value]) => variablesIn(value).length > 0);
  const ofConnection = filled.map(([name, value]) => [name, fillTemplate(value, values)] as const);
  return { ...Object.fromEntries(ofConnection), ...inject(auth.inject, values).headers };
}

/** The open credential, once its owner may have its secret. */
async function release(broker: Broker, principal: Principal, input: { connectionId: string }): Promise<Opened> {
  const credential = await requireCredential(broker, principal, input.connectionId, asked);
  await requireApproval(broker, principal, { credential, action: 'credential.release', act: 'release' });
  await authorize(broker, principal, 'credential.release', about(credential));
  const opened = await fresh(broker, credential);
  // Connected anew meanwhile, perhaps as somebody else: that is another secret, which has to be asked for from the start.
  const now = await requireCredential(broker, principal, credential.id, asked);
  if (now.grantedAt !== credential.grantedAt) return release(broker, principal, input);
  broker.vault.touch(opened.credential);
  return opened;
}

function released({ credential, secret }: Opened): ReleasedCredentials {
  if (secret.kind === 'inputs') return { ...credential.inputs, ...secret.inputs };
  const { accessToken, tokenType, expiresAt, scopes, kept } = secret;
  return {
    ...kept,
    accessToken,
    tokenType,
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
    scopes: scopes === null ? null : [...scopes],
  };
}
