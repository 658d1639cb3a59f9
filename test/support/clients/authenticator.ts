/** An authenticator of a few lines, which can be made to lie: browsers' own are in the browser tests. */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

/** As much of what a page asks as this one looks at. */
export type AskedByPage = {
  readonly challenge: string;
  readonly rp?: { readonly id?: string };
  readonly rpId?: string;
  readonly user?: { readonly id: string; readonly name: string };
  readonly excludeCredentials?: readonly { readonly id: string }[];
};

/** What of an answer is otherwise than it should be. */
export type Lie = {
  readonly type?: string;
  readonly challenge?: string;
  readonly origin?: string;
  readonly crossOrigin?: boolean;
  readonly rpId?: string;
  /** Bit 0: somebody was there; bit 2: who it was, was looked at. */
  readonly flags?: number;
  readonly counter?: number;
  readonly credentialId?: string;
  readonly userHandle?: string | undefined;
  readonly format?: string;
  /** The attestation statement, of what it has to sign. */
  readonly statement?: (signed: Buffer) => ReadonlyMap<string, unknown>;
};

export type Authenticator = {
  readonly credentialId: string;
  /** Both answer what `JSON.stringify` makes of a browser's answer. */
  make(asked: AskedByPage, lie?: Lie): string;
  use(asked: AskedByPage, lie?: Lie): string;
};

const present = 0x01;
const verified = 0x04;
const holdsKey = 0x40;

/** @param origin of the page that asks */
export function createAuthenticator(
  origin: string,
  credentialId = randomBytes(32).toString('base64url'),
): Authenticator {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let userHandle = '';
  let counter = 0;

  const clientData = (type: string, { challenge }: AskedByPage, lie: Lie) =>
    Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false, ...pick(lie) }));
  const authData = (rpId: string, lie: Lie, flags: number, rest = Buffer.alloc(0)) => {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(lie.counter ?? counter);
    const of = createHash('sha256')
      .update(lie.rpId ?? rpId)
      .digest();
    return Buffer.concat([of, Buffer.from([(lie.flags ?? present | verified) | flags]), count, rest]);
  };

  return {
    credentialId,
    make(asked, lie = {}) {
      userHandle = asked.user?.id ?? '';
      const id = Buffer.from(lie.credentialId ?? credentialId, 'base64url');
      const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
      const key = isoCBOR.encode(
        new Map<number, number | Uint8Array>([
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, bytes(x)],
          [-3, bytes(y)],
        ]),
      );
      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const attested = Buffer.concat([Buffer.alloc(16), length, id, key]);
      const client = clientData('webauthn.create', asked, lie);
      const data = authData(asked.rp?.id ?? '', lie, holdsKey, attested);
      const object = new Map<string, unknown>([
        ['fmt', lie.format ?? 'none'],
        ['attStmt', lie.statement?.(Buffer.concat([data, sha256(client)])) ?? new Map()],
        ['authData', new Uint8Array(data)],
      ]);
      return JSON.stringify({
        ...common(id.toString('base64url')),
        response: {
          clientDataJSON: client.toString('base64url'),
          attestationObject: Buffer.from(isoCBOR.encode(object as never)).toString('base64url'),
        },
      });
    },
    use(asked, lie = {}) {
      counter += 1;
      const client = clientData('webauthn.get', asked, lie);
      const data = authData(asked.rpId ?? '', lie, 0);
      const signed = Buffer.concat([data, sha256(client)]);
      return JSON.stringify({
        ...common(lie.credentialId ?? credentialId),
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: sign('sha256', signed, privateKey).toString('base64url'),
          userHandle: 'userHandle' in lie ? lie.userHandle : userHandle,
        },
      });
    },
  };
}

const common = (id: string) => ({ id, rawId: id, type: 'public-key', clientExtensionResults: {} });

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest();

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));

/** What stands in the client data. */
function pick({ type, challenge, origin, crossOrigin }: Lie) {
  const told = { type, challenge, origin, crossOrigin };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
}
