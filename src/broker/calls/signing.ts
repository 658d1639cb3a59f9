/** Requests of services that want a signature on each of them instead of the secret itself. */
import type { AuthMethod } from '../../connectors/definition/definition.ts';
import { fillTemplate, type Values } from '../../connectors/template.ts';
import type { EgressRequest, EgressResponse } from '../../net/egress.ts';
import { clockProblem, timeIn } from '../oauth/clock.ts';
import type { Connection } from './connection.ts';

/** Headers that only a signer sets, in lower case. */
export const signedHeaders: readonly string[] = [
  'authorization',
  'date',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
];

/** Parameters that are a signature in a URL, in lower case: nobody signs in his own name beside Keyward. */
export const signatureParameters: readonly string[] = [
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
];

/**
 * The request as it goes out: signed where the connector says so, else as it is. The last step before it is sent, since
 * nothing of it may change afterwards and a signature is good for minutes only.
 *
 * @param verifying the call is the connector's `api.verify`
 */
export async function signIfNeeded(
  { auth, values }: Connection,
  request: EgressRequest,
  { verifying = false } = {},
): Promise<EgressRequest> {
  if (auth.authenticationType !== 'aws_sigv4') return request;
  const { service, region, verifyService } = auth.signature;
  // AWS's signer is loaded with the first request that needs it.
  const { signed } = await import('./sigv4.ts');
  const scope = {
    service: fillTemplate(verifying ? (verifyService ?? service) : service, values),
    region: fillTemplate(region, values),
  };
  return signed(request, scope, keyOf(values));
}

function keyOf({ accessKeyId = '', secretAccessKey = '', sessionToken }: Values) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

type Refusal = Pick<EgressResponse, 'status' | 'headers'>;

/** How a wrong clock made the service refuse a signature, which is good for minutes only; null where it did not. */
export function clockRefusal(auth: AuthMethod, { status, headers }: Refusal): string | null {
  return refusesSignature(auth, status) ? clockProblem(timeIn(headers.get('date'))) : null;
}

/** Error codes of AWS, whatever the format of the answer, and what they say about the key. */
const keyProblems: readonly (readonly [RegExp, string])[] = [
  [/\bExpiredToken/, 'The temporary credentials have expired: connect again with new ones.'],
  [/\b(SignatureDoesNotMatch|InvalidSignature)/, 'The signature does not match: the secret access key is wrong.'],
  [
    /\b(InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClient|AuthFailure)/,
    'The service does not know this access key ID: it was deleted or switched off, or is a temporary one (ASIA…) whose session token is missing or wrong.',
  ],
];

/** What is wrong with the key, where the service refused it; null for every other answer, a missing permission included. */
export function keyProblem(auth: AuthMethod, { status, body }: EgressResponse): string | null {
  if (!refusesSignature(auth, status)) return null;
  const text = Buffer.from(body).toString();
  return keyProblems.find(([code]) => code.test(text))?.[1] ?? null;
}

/** AWS answers 403, and 400 where the protocol is JSON. */
function refusesSignature(auth: AuthMethod, status: number): boolean {
  return auth.authenticationType === 'aws_sigv4' && [400, 401, 403].includes(status);
}

/** The signature of a request that is ready: whoever has it can send the request again for some minutes. */
export function signatureIn({ headers }: EgressRequest): string[] {
  return /^AWS4-\S+ .*\bSignature=([0-9a-f]{64})$/.exec(headers?.authorization ?? '')?.slice(1) ?? [];
}
