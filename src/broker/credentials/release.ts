/** Release: handing a raw secret to its owner. */
import type { Principal } from '../../principal.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker, Opened } from '../broker.ts';
import { fresh } from '../grants/refresh.ts';
import { about, requireCredential } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { isoTime } from './view.ts';

/** The raw credentials as their owner reads them: never a refresh token, never a client secret. */
type ReleasedCredentials = Record<string, string | string[] | null>;

/** Releases a credential's secret to its owner, under the policy of `KEYWARD_RELEASE`. */
export async function getConnectionCredentials(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<{ connectionId: string; credentials: ReleasedCredentials }> {
  const asked = { field: 'connectionId', action: 'credential.release' } as const;
  const credential = await requireCredential(broker, principal, input.connectionId, asked);
  await requireApproval(broker, principal, { credential, action: 'credential.release', act: 'release' });
  await authorize(broker, principal, 'credential.release', about(credential));
  const opened = await fresh(broker, credential);
  // Connected anew meanwhile, perhaps as somebody else: that is another secret, which has to be asked for from the start.
  const now = await requireCredential(broker, principal, credential.id, asked);
  if (now.grantedAt !== credential.grantedAt) return getConnectionCredentials(broker, principal, input);
  broker.vault.touch(opened.credential);
  return { connectionId: credential.id, credentials: released(opened) };
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
