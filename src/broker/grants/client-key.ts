/**
 * Keyward's own key, for authorization servers that know their clients by a key. There is one for each vault. It is made
 * when a server first wants it, is sealed like every secret, and nothing but what it signs leaves the vault.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { hasCode, KeywardError } from '../../errors.ts';
import { nobody } from '../../principal.ts';
import type { AuthConfig } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { keyAlgorithm, type PublicKeys, type SigningKey } from '../oauth/client-assertion.ts';

/** The key, and what of it everybody may see. */
type ClientKey = SigningKey & { readonly publicKeys: PublicKeys };

/** The auth config of Keyward itself: its client secret is the key. With one id there can't be two. */
const keyId = '00000000-0000-4000-8000-000000000001';

/** The key of this vault, which is made if there is none. */
export async function clientKey(broker: Pick<Broker, 'vault'>): Promise<ClientKey> {
  const found = await findClientKey(broker);
  if (found !== null) return found;
  await makeKey(broker);
  const made = await findClientKey(broker);
  if (made !== null) return made;
  throw new KeywardError('internal', 'The key that was just made is gone.');
}

/** The key of this vault; null where no server has wanted it yet. */
export async function findClientKey({ vault }: Pick<Broker, 'vault'>): Promise<ClientKey | null> {
  const record = await vault.get('authConfig', nobody, keyId);
  return record === undefined ? null : opened({ vault }, record);
}

async function opened({ vault }: Pick<Broker, 'vault'>, record: AuthConfig): Promise<ClientKey> {
  const { clientSecret } = await vault.open('authConfig', record);
  const privateKey = createPrivateKey(clientSecret ?? '');
  const kid = record.clientId;
  const shown = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid, alg: keyAlgorithm, use: 'sig' };
  return { kid, privateKey, publicKeys: { keys: [shown] } };
}

async function makeKey({ vault }: Pick<Broker, 'vault'>): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  // RFC 7638 §3: the name of a key follows from the key.
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  const { tenant, user: owner } = nobody;
  const record = {
    ...{ id: keyId, tenant, owner, connectorId: 'keyward', name: 'Keyward', clientId: kid },
    ...{ server: null, hosts: [], scopes: null },
  };
  const clientSecret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await vault.audit({ ...nobody, action: 'client_key.create', subject: keyId, outcome: 'allowed' });
  await vault
    .commit([{ op: 'create', kind: 'authConfig', record, secret: { clientSecret } }])
    .catch((error: unknown) => {
      // Another process was faster: its key is the one.
      if (!hasCode(error, 'conflict')) throw error;
    });
}
