/** What passkeys say (WebAuthn Level 3), and what of it is believed. Knows neither HTTP nor what is kept. */
import { isIP } from 'node:net';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { isLoopback } from '../../hosts.ts';
import { parseJson } from '../../json.ts';
import type { PasskeySecret } from '../../vault/vault.ts';

/** Who asks for passkeys: a domain name, and the one origin whose pages may. */
export type RelyingParty = { readonly id: string; readonly origin: string };

/**
 * The relying party of a Keyward at this URL; null where browsers make no passkeys: at an address without a name, and
 * without https. A browser of this computer reaches a loopback address as `localhost`, too, which is a name.
 */
export function relyingPartyAt(publicUrl: string): RelyingParty | null {
  const { protocol, hostname, port, origin } = new URL(publicUrl);
  if (hostname === 'localhost') return { id: hostname, origin };
  if (protocol === 'http:' && isLoopback(hostname)) {
    return { id: 'localhost', origin: `http://localhost${port === '' ? '' : `:${port}`}` };
  }
  return protocol === 'https:' && !hostname.startsWith('[') && isIP(hostname) === 0 ? { id: hostname, origin } : null;
}

/** ES256, which every authenticator has, and RS256, which those of Windows may have alone (COSE, RFC 9053 and RFC 8812). */
export const algorithms = [-7, -257];

/** An answer of a browser, in the form of WebAuthn §5.1 `toJSON`. Whether anything of it is true is looked at later. */
type Answer = { readonly credentialId: string; readonly json: object };

/** What a form brought, where it names a credential; else null. */
export function readAnswer(text: string): Answer | null {
  try {
    const json = parseJson(text);
    if (typeof json !== 'object' || json === null || !('id' in json) || typeof json.id !== 'string') return null;
    return { credentialId: json.id, json };
  } catch {
    return null;
  }
}

/** What both ceremonies are checked against. */
type Expected = {
  readonly rp: RelyingParty;
  /** Whether the text in `clientDataJSON.challenge`, decoded, is one that was given out. */
  readonly isCurrent: (challenge: string) => boolean;
};

/** What a new passkey is, and the challenge that it answered; null when anything about the answer is wrong. */
export async function verifyNew({ json }: Answer, expected: Expected) {
  const answer = json as RegistrationResponseJSON;
  try {
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const { challenge, common } = commonChecks(answer.response.clientDataJSON, expected);
    await requireNoAttestation(answer.response.attestationObject);
    const checks = { ...common, response: answer, supportedAlgorithmIDs: algorithms };
    const { verified, registrationInfo } = await verifyRegistrationResponse(checks);
    if (!verified) return null;
    const { id, publicKey, counter } = registrationInfo.credential;
    return { challenge, credentialId: id, publicKey: Buffer.from(publicKey).toString('base64url'), counter };
  } catch {
    // Whatever the library threw quotes what was sent.
    return null;
  }
}

/**
 * The signature counter that this passkey gave, and the challenge that it answered; null when anything about the answer
 * is wrong. What the counter means is looked at by whoever knows the one before.
 */
export async function verifyUse({ json }: Answer, known: PasskeySecret, expected: Expected) {
  const answer = json as AuthenticationResponseJSON;
  try {
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const { challenge, common } = commonChecks(answer.response.clientDataJSON, expected);
    // Step 6 of §7.2: nobody said who they are, so the authenticator has to.
    if (answer.id !== known.credentialId || answer.response.userHandle !== known.userHandle) return null;
    const publicKey = new Uint8Array(Buffer.from(known.publicKey, 'base64url'));
    const credential = { id: known.credentialId, publicKey, counter: 0 };
    const checks = { ...common, response: answer, credential };
    const { verified, authenticationInfo } = await verifyAuthenticationResponse(checks);
    return verified ? { challenge, counter: authenticationInfo.newCounter } : null;
  } catch {
    return null;
  }
}

function commonChecks(clientDataJSON: string, { rp, isCurrent }: Expected) {
  const client = parseJson(Buffer.from(clientDataJSON, 'base64url').toString()) as Record<string, unknown>;
  // Nothing frames these pages, and the library lets frames pass that do not say whose they are.
  if (client.crossOrigin === true) throw new Error('It comes from within another page.');
  const challenge = Buffer.from(String(client.challenge), 'base64url').toString();
  const common = {
    expectedChallenge: (given: string) => given === client.challenge && isCurrent(challenge),
    expectedOrigin: rp.origin,
    expectedRPID: rp.id,
    requireUserVerification: true,
  };
  return { challenge, common };
}

/**
 * What an authenticator says of its maker is not asked for, and browsers take it out (§5.4.7). To check it the library
 * would fetch what certificates name, and go past egress for it.
 */
async function requireNoAttestation(attestationObject: string): Promise<void> {
  const { decodeAttestationObject, isoBase64URL } = await import('@simplewebauthn/server/helpers');
  const decoded = decodeAttestationObject(isoBase64URL.toBuffer(attestationObject));
  const format = decoded.get('fmt');
  // Without a certificate it is signed by the passkey itself, and browsers may leave it.
  const ofItself = format === 'packed' && decoded.get('attStmt').get('x5c') === undefined;
  if (format !== 'none' && !ofItself) throw new Error('It says who made it.');
}
