/** Release: handing a raw secret to its owner. */
import { KeywardError } from '../errors.ts';
import type { Principal } from '../principal.ts';
import type { Credential } from '../vault/vault.ts';
import { about, requireCredential } from './access.ts';
import type { Broker, Opened } from './broker.ts';
import { authorize, refused } from './policy.ts';
import { fresh } from './refresh.ts';
import { isoTime } from './view.ts';

/** The raw credentials as their owner reads them: never a refresh token, never a client secret. */
export type ReleasedCredentials = Record<string, string | string[] | null>;

/** Releases a credential's secret to its owner, under the policy of `KEYWARD_RELEASE`. */
export async function getConnectionCredentials(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<{ connectionId: string; credentials: ReleasedCredentials }> {
  const credential = await requireCredential(broker, principal, input.connectionId, {
    field: 'connectionId',
    action: 'credential.release',
  });
  const objection = objectionTo(broker.settings.release, credential);
  if (objection) throw await refused(broker, principal, 'credential.release', about(credential), objection);
  await authorize(broker, principal, 'credential.release', about(credential));
  const opened = await fresh(broker, credential);
  broker.vault.touch(opened.credential);
  return { connectionId: credential.id, credentials: released(opened) };
}

function objectionTo(release: Broker['settings']['release'], credential: Credential): KeywardError | null {
  if (release === 'never') {
    return new KeywardError('release_refused', 'This Keyward never hands out raw secrets.', {
      hint: 'The person who runs it set KEYWARD_RELEASE=never. Use verify_credential to check that the connection works.',
    });
  }
  if (release === 'approve') {
    return new KeywardError('approval_required', 'Raw secrets are handed out only with the owner’s approval.', {
      hint: 'Tell the person: to let assistants read raw secrets at once, set KEYWARD_RELEASE=allow in the MCP config and restart. Don’t ask for the secret in chat.',
    });
  }
  if (credential.obtainedBy === 'elicitation') {
    return new KeywardError(
      'approval_required',
      'What a person entered through URL elicitation is not handed to the client.',
      {
        hint: 'The MCP specification forbids it. Use verify_credential to check that the connection works.',
      },
    );
  }
  return null;
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
