/** What the owner of a connection wants to be asked before: one call of a service, shown as it is sent. */
import { KeywardError } from '../../errors.ts';
import { readBody } from '../../net/body.ts';
import type { Principal } from '../../principal.ts';
import type { AskedCall, Credential } from '../../vault/vault.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { about } from '../policy/access.ts';
import { auditedRefusal } from '../policy/policy.ts';
import { maxShown } from './ask-first.ts';
import type { ServiceCall } from './service-call.ts';

/** A character of UTF-8 has at most so many bytes. */
const maxBytes = 4 * maxShown;

/** A body that was read whole, so that it can be shown, and sent as it was shown. Both are undefined where there is none. */
export type AskedBody = { readonly bytes?: Uint8Array; readonly text?: string };

/**
 * The body of a call that its owner has to see.
 *
 * @throws KeywardError `forbidden` for one that is too long to be read, or that is not shown as a service reads it
 */
export async function readAskedBody({ body, bodyLength = 0, headers }: ServiceCall): Promise<AskedBody> {
  if (body === undefined) return {};
  if (bodyLength > maxBytes) throw notShown(tooLong);
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? Buffer.from(body) : await whole(body);
  if (bytes.length > maxBytes) throw notShown(tooLong);
  const written = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const encoding = written.get('content-encoding') ?? 'identity';
  if (!/^\s*identity\s*$/i.test(encoding) || !isUtf8(written.get('content-type') ?? '')) throw notShown(noText);
  const text = textOf(bytes);
  if (text === null || text.includes('\0')) throw notShown(noText);
  return { bytes, text };
}

/** Whether everybody who reads this type takes the body for UTF-8: parsers differ in which of two charsets counts. */
function isUtf8(type: string): boolean {
  const [, ...more] = type.split(/charset/i);
  if (more.length === 0) return true;
  return (
    more.length === 1 &&
    /;\s*charset\s*=\s*("(utf-?8|us-ascii)"|utf-?8|us-ascii)\s*(;|$)/i.test(type) &&
    quotesAreEven(type)
  );
}

/** A charset within a quoted text is none. */
function quotesAreEven(type: string): boolean {
  return type.slice(0, type.search(/charset/i)).split('"').length % 2 === 1;
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return readBody(body, maxBytes).catch((error: unknown) => {
    throw error instanceof KeywardError && error.code === 'egress_too_large' ? notShown(tooLong) : error;
  });
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const tooLong = `it is too long to be shown to them: at most ${maxShown} characters are`;
const noText = 'it can not be shown to them as the service reads it: its body is no plain text in UTF-8';

function notShown(why: string): KeywardError {
  return new KeywardError('forbidden', `The owner wants to be asked before this call, and ${why}.`, {
    hint: 'Send less, as plain text, or ask the owner to allow such calls without being asked.',
  });
}

/** Those that a program’s own client adds, and that differ each time it tries, or say which client it is. */
const ofClient = /^(user-agent|x-stainless-.*|x-request-id|sentry-trace|x-client-request-id|amz-sdk-.*)$/;

/**
 * The headers of a call that its owner is asked about, by name in lower case: all of them go out and are shown, but for those
 * of a program’s client, which stay here.
 */
export function headersToAsk(
  headers: Readonly<Record<string, string>>,
  reserved: ServiceCall['reserved'],
): Readonly<Record<string, string>> {
  if (reserved === 'refuse') return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofClient.test(name)));
}

/** A key by which a service knows a call that it has seen. Programs make a new one each time: it goes out unseen. */
function withoutKey([name, value]: readonly [string, string]): readonly [string, string] {
  const isKey = name === 'idempotency-key' && /^[\w-]{1,64}$/.test(value);
  return [name, isKey ? '(a new key for each try)' : value];
}

/** The line of the request and the headers of a call that its owner is asked about, as they see them. */
export function headOf({ method, url, headers }: AskedCall): string {
  return [`${method} ${url}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join('\n');
}

/** What of a call its owner is asked about. */
export type ToAsk = Pick<AskedCall, 'method' | 'url'> & {
  readonly headers: Readonly<Record<string, string>>;
  readonly reserved: ServiceCall['reserved'];
  readonly body: AskedBody;
  /** The path below the base URL. */
  readonly path: string;
  /** The pattern of the rule that asks. */
  readonly pattern: string | null;
  /** Takes the secret out of a text. */
  readonly scrub: (text: string) => string;
};

/**
 * Returns when the owner of the connection said yes to this call, or for some minutes to its method on such paths. The yes
 * belongs to this connection and this caller, and once is once.
 *
 * @throws KeywardError `approval_required` when the owner has been asked, `approval_denied` soon after a no, `forbidden` for
 *   a call that can't be shown
 */
export async function requireYesToCall(
  broker: Broker,
  principal: Principal,
  credential: Credential,
  { method, url, headers, reserved, body, path, pattern, scrub }: ToAsk,
): Promise<void> {
  const action = 'credential.call';
  const given = Object.entries(headers);
  const shown = reserved === 'refuse' ? given : given.map(withoutKey);
  const call: AskedCall = {
    method,
    url: scrub(url),
    headers: Object.fromEntries(shown),
    body: body.text ?? null,
    bytes: body.bytes?.length ?? 0,
    pattern: pattern === null ? { of: 'call', path } : { of: 'rule', path: pattern },
  };
  const ofCaller = [path, new URL(url).search, ...given.flat(), body.text ?? ''];
  const why =
    headOf(call).length + (call.body ?? '').length > maxShown
      ? tooLong
      : ofCaller.some((text) => scrub(text) !== text)
        ? 'it holds the secret of the connection, which nobody is shown'
        : null;
  if (why !== null) throw await auditedRefusal(broker, principal, action, about(credential), notShown(why));
  await requireApproval(broker, principal, {
    credential,
    action,
    act: 'call',
    details: { call },
    apart: JSON.stringify(['call', method, call.pattern.of, call.pattern.path]),
  });
}
