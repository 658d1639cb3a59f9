/**
 * What an AWS service does with a signed request: computes the signature anew from what arrived, by the documentation
 * alone, and shares nothing with the signer.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';

/** A request as it came over the wire: header names in lower case, `target` with its query. */
export type Arrived = {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array | string;
};

export type AwsAccount = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly service: string;
  readonly region: string;
};

const forgivenMs = 5 * 60_000;

/** The error code of AWS for this request; null when its signature is good. */
export function awsRefusal(request: Arrived, account: AwsAccount, now = Date.now()): string | null {
  const header = (name: string) => [request.headers[name] ?? []].flat().join(',');
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
  const match = form.exec(header('authorization'));
  if (!match) return 'IncompleteSignature';
  const [, accessKeyId = '', day = '', region = '', service = '', names = '', signature = ''] = match;
  if (accessKeyId !== account.accessKeyId) return 'InvalidClientTokenId';
  if (header('x-amz-security-token') !== (account.sessionToken ?? '')) return 'InvalidClientTokenId';
  if (region !== account.region || service !== account.service) return 'SignatureDoesNotMatch: scope';
  const at = header('x-amz-date');
  const time = Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!at.startsWith(day) || Math.abs(time - now) > forgivenMs) return 'SignatureDoesNotMatch: Signature expired';
  const signed = names.split(';');
  const mustBeSigned = Object.keys(request.headers).filter((name) => /^(host|content-type|x-amz-.*)$/.test(name));
  if (mustBeSigned.some((name) => !signed.includes(name))) return 'SignatureDoesNotMatch: unsigned headers';
  const digest = sha256(request.body);
  const stated = header('x-amz-content-sha256');
  const unsigned = stated === 'UNSIGNED-PAYLOAD' && account.service === 's3';
  if (stated !== '' && stated !== digest && !unsigned) return 'XAmzContentSHA256Mismatch';
  const [path = '', query = ''] = request.target.split(/\?(.*)/s);
  const canonical = [
    request.method,
    account.service === 's3' ? objectPath(path) : servicePath(path),
    canonicalQuery(query),
    ...signed.map((name) => `${name}:${header(name).trim().replaceAll(/ +/g, ' ')}`),
    '',
    names,
    unsigned ? stated : digest,
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', at, `${day}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce(
    (from, part) => hmac(from, part),
    Buffer.from(`AWS4${account.secretAccessKey}`) as Uint8Array,
  );
  return Buffer.from(hmac(key, text)).toString('hex') === signature ? null : 'SignatureDoesNotMatch';
}

/** Amazon S3 reads a path as it decodes it, and encodes each part once. */
function objectPath(path: string): string {
  return path
    .split('/')
    .map((part) => uriEncode(decodeURIComponent(part)))
    .join('/');
}

/** Every other service resolves the path and encodes what arrived once more. */
function servicePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  const slash = parts.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${parts.map(uriEncode).join('/')}${slash}`;
}

function canonicalQuery(query: string): string {
  const pairs = query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', value = ''] = part.split(/=(.*)/s);
      return [uriEncode(decodeURIComponent(name)), uriEncode(decodeURIComponent(value))] as const;
    });
  const before = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
  return pairs
    .toSorted(([name, value], [otherName, otherValue]) => before(name, otherName) || before(value, otherValue))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Byte by byte: letters, digits, `-`, `.`, `_` and `~` stay. */
function uriEncode(text: string): string {
  return Array.from(Buffer.from(text), (byte) => {
    const letter = String.fromCharCode(byte);
    return /[A-Za-z0-9._~-]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac('sha256', key).update(text).digest();
}
