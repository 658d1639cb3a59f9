/**
 * AWS Signature Version 4, by AWS's own signer. What is sent is written so that there is one way to read it: path and
 * query as AWS encodes them, so that the service arrives at the text that was signed.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { KeywardError } from '../../errors.ts';
import type { EgressRequest } from '../../net/egress.ts';

type Scope = { readonly service: string; readonly region: string };
type Key = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };

/** Signing names of Amazon S3: its paths are encoded once, and a body may go unsigned (S3 API reference, sigv4-auth). */
const objectStores: ReadonlySet<string> = new Set(['s3', 's3express', 's3-object-lambda', 's3-outposts']);

/** Largest streamed body that is read first, in bytes: a signature holds the digest of all of it. */
export const maxSigned = 16 * 1024 * 1024;

/**
 * The request with its signature. A streamed body is read first, up to {@link maxSigned}; S3 takes it unsigned, as it
 * comes.
 *
 * @throws KeywardError `invalid_input` for what can not be signed
 */
export async function signed(request: EgressRequest, scope: Scope, key: Key): Promise<EgressRequest> {
  for (const part of [scope.service, scope.region]) if (!/^[A-Za-z0-9-]{1,64}$/.test(part)) throw unfitScope();
  const objects = objectStores.has(scope.service);
  const headers = signable(request.headers ?? {});
  const { url, parameters } = asWritten(request.url);
  const outgoing = objects ? request : await withWholeBody(request);
  const { method = 'GET', body } = outgoing;
  const unsigned = isStream(body) ? { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } : {};
  const signer = new SignatureV4({
    ...scope,
    credentials: key,
    sha256: Hash.bind(null, 'sha256'),
    uriEscapePath: !objects,
  });
  const { headers: sent } = await signer.sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: parameters,
    headers: { ...headers, ...unsigned, host: url.host },
    ...(isStream(body) ? {} : { body }),
  });
  // The HTTP client writes the host itself, from the same URL.
  const { host: _, ...added } = sent;
  return { ...outgoing, url, headers: added };
}

/** Names in lower case. What is not plain text arrives as other bytes than those that were signed. */
function signable(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  for (const [name, value] of entries) {
    if (!/^[\t\x20-\x7e]*$/.test(value)) throw unsignable(`The header ${name} is not plain ASCII`, 'Encode its value.');
    if (name === 'content-encoding' && /aws-chunked/i.test(value)) {
      throw unsignable('A body in signed chunks was signed by somebody else', 'Send the body as it is.');
    }
  }
  return Object.fromEntries(entries);
}

/**
 * The URL with everything encoded that AWS encodes, and its parameters by name. A plus sign in a query is a space, as in
 * forms.
 */
function asWritten(given: URL): { url: URL; parameters: Record<string, string[]> } {
  const url = new URL(given);
  url.pathname = url.pathname
    .split('/')
    .map((segment) => encoded(decoded(segment)))
    .join('/');
  const pairs = url.search
    .slice(1)
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', ...value] = part.replaceAll('+', ' ').split('=');
      return [decoded(name), decoded(value.join('='))] as const;
    });
  const parameters = new Map<string, string[]>();
  for (const [name, value] of pairs) parameters.set(name, [...(parameters.get(name) ?? []), value]);
  url.search = pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&');
  return { url, parameters: Object.fromEntries(parameters) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unsignable('The address holds escapes that are no text', 'Encode it as UTF-8.');
  }
}

/** All but the unreserved characters of RFC 3986 §2.3. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

function isStream(body: EgressRequest['body']): body is AsyncIterable<Uint8Array> {
  return body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
}

async function withWholeBody(request: EgressRequest): Promise<EgressRequest> {
  const { body, bodyLength: _, ...rest } = request;
  if (!isStream(body)) return request;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxSigned) {
      const most = `${maxSigned / 1024 / 1024} MiB`;
      throw unsignable(
        `A body of more than ${most} can not be signed`,
        'Only Amazon S3 takes larger ones: send it there.',
      );
    }
    chunks.push(chunk);
  }
  return { ...rest, body: Buffer.concat(chunks) };
}

function unfitScope(): KeywardError {
  return new KeywardError('invalid_input', 'Service and region of the signature are no names that AWS uses.', {
    hint: 'Make the connection anew with names such as dynamodb and us-east-1.',
  });
}

function unsignable(message: string, hint: string): KeywardError {
  return new KeywardError('invalid_input', `${message}.`, { hint });
}
