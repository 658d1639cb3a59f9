/**
 * Calling a service with a connection, for whoever may use it: the one way of `call_api` and the gateway. The secret goes
 * in where the connector says, to the hosts of the credential and nowhere else, and is taken out of what comes back.
 */
import type { AuthMethod } from '../../connectors/connector.ts';
import { KeywardError } from '../../errors.ts';
import { peek, readBody } from '../../net/body.ts';
import type { EgressRequest, EgressStream } from '../../net/egress.ts';
import { checkHeaders, passedOn } from '../../net/headers.ts';
import { createScrubber, type Scrubber, scrubberOf } from '../../net/scrub/scrub.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { findAuth } from '../grants/oauth-context.ts';
import { parseAnswer } from '../oauth/answer.ts';
import { about, accessOf, isOwn, readerOf, requireCredential } from '../policy/access.ts';
import { requireUnguessable } from '../policy/guessable.ts';
import { auditedRefusal, authorize, requireScope } from '../policy/policy.ts';
import { apiRequest, constantHeaders, ownHeaders, pathBelow, pathOfUrl, secretsOf } from './api-request.ts';
import { type AskedBody, headersToAsk, readAskedBody, requireYesToCall, type ToAsk } from './asked-call.ts';
import { type Connection, openConnection, sendWithRenewal } from './connection.ts';
import { readHeaders } from './headers.ts';
import { type CallTarget, isWholeUrl, readTarget } from './path.ts';
import { type AskedAbout, checkCall, checkReading, forMcp } from './policy.ts';
import type { ServiceAnswer, ServiceCall } from './service-call.ts';
import { clockRefusal, signatureIn, signIfNeeded } from './signing.ts';

export type { ServiceAnswer, ServiceCall } from './service-call.ts';

/** An answer that is not needed is read this far, so that its connection can be used again. */
const unneededBytes = 65_536;
/** A refused token is looked for in this much of a body. */
const lookedInto = 65_536;
/** Redirects of an MCP server that are followed. */
const mcpRedirects = 3;
/** Longest account of a request in the audit log, in characters. */
const maxRequest = 300;
const action = 'credential.call';

/**
 * Sends one request to the service. A redirect is answered, never followed. What the service answers is an answer,
 * whatever its status; a refused token is renewed once, see grants/verdict.ts.
 *
 * @throws KeywardError `not_found`, `forbidden` and `insufficient_scope` for who may not, `invalid_input` for a path or
 *   header that is not the caller's to set, `reconnect_required`, `provider_refused` for a signature that a wrong clock
 *   spoils, and what egress throws
 */
export async function callService(broker: Broker, principal: Principal, call: ServiceCall): Promise<ServiceAnswer> {
  const credential = await requireCredential(broker, principal, call.connectionId, {
    field: 'connectionId',
    action,
    access: 'use',
  });
  await requireScope(broker, principal, action, about(credential));
  const caller = { broker, principal, credential };
  if (findAuth(broker, credential)?.api.protocol !== 'mcp') return exchange(caller, call, null);
  const { callMcp } = await lens();
  const { path, query } = await targetOf(broker, credential, call.path);
  const target = { ...call, path: query === '' ? path : `${path}?${query}` };
  return callMcp(caller, target, (sent, lines) => exchange(caller, sent, { lines }));
}

/** Loaded with the first call of an MCP server. */
function lens(): Promise<typeof import('./call-mcp.ts')> {
  loaded ??= import('./call-mcp.ts');
  return loaded;
}

let loaded: Promise<typeof import('./call-mcp.ts')> | undefined;

/** Who calls with which connection. */
type Caller = { readonly broker: Broker; readonly principal: Principal; readonly credential: Credential };

/**
 * The exchange with the service, within the rules for methods and paths.
 *
 * @param mcp of a call of an MCP server: its lines in the audit log, null for the usual one
 */
async function exchange(
  { broker, principal, credential }: Caller,
  call: ServiceCall,
  mcp: { readonly lines: readonly string[] | null } | null,
): Promise<ServiceAnswer> {
  const target = await targetOf(broker, credential, call.path);
  const reader = readerOf(broker, principal);
  const access = accessOf(reader, credential) === 'owner' ? 'owner' : 'use';
  const own = isOwn(broker, principal, credential);
  let asked: AskedAbout | null = null;
  let body: AskedBody = {};
  const refuse = async (error: unknown): Promise<never> => {
    throw error instanceof KeywardError
      ? await auditedRefusal(broker, principal, action, about(credential), error)
      : error;
  };
  try {
    const row = mcp === null ? credential : forMcp(credential);
    asked = checkCall(row, access, reader, call.method, target.path, target.query);
    // Of an MCP server, the messages were looked at.
    if (mcp === null && principal.limits?.readOnly) {
      checkReading(findAuth(broker, credential)?.api ?? null, call.method, target.query);
    }
    if (asked !== null) body = await readAskedBody(call);
  } catch (error) {
    await refuse(error);
  }
  let agreed = false;
  const agree = async (toAsk: ToAsk) => {
    // A token that is renewed on the way is no second call: what they saw is sent once more.
    if (!agreed) await requireYesToCall(broker, principal, credential, toAsk);
    agreed = true;
  };
  const send = async (connection: Connection): Promise<Sent> => {
    const { auth, credential, values, secret } = connection;
    if (!own) await requireUnguessable(secret).catch(refuse);
    const given = readHeaders(call.headers, {
      own: ownHeaders(auth, values),
      named: own ? null : constantHeaders(auth),
      reserved: call.reserved,
    });
    const headers = asked === null ? given : headersToAsk(given, call.reserved);
    const secrets = secretsOf(connection);
    // Somebody else could tell from the time what a text has in common with the secret.
    const options = { steady: !own };
    const scrubber = scrubberOf(secrets, options);
    const sending = { ...sentOf(call, asked === null ? null : body), target };
    const request = {
      ...apiRequest(connection, { ...sending, headers: { ...headers, ...encodingOf(call) } }),
      once: auth.api.unsafeGet,
    };
    if (asked !== null) {
      const bare = { ...connection, auth: { ...auth, inject: [] } };
      const { url } = apiRequest(bare, { ...sending, headers });
      // What can't be sent is not asked about.
      checkHeaders(headers);
      const { method, reserved } = call;
      const scrub = scrubber.text;
      await agree({ method, url: url.href, path: target.path, ...asked, headers, body, reserved, scrub });
    }
    // A server may have its address with a slash behind it, or without. No other host is meant.
    const redirects = mcp === null ? {} : { redirects: mcpRedirects, hosts: [request.url.host] };
    const lines = mcp?.lines?.map((line) => scrubber.text(line)) ?? [inWords(request, scrubber)];
    await Promise.all(
      lines.map((line) => authorize(broker, principal, action, { ...about(credential), request: line })),
    );
    const { signal, timeoutMs, silenceMs } = call;
    const limits = { ...(signal && { signal }), ...(timeoutMs && { timeoutMs }), ...(silenceMs && { silenceMs }) };
    const ready = await signIfNeeded(connection, { ...request, ...redirects, ...limits });
    const signature = signatureIn(ready);
    const answer = await withContent(await broker.egress.open(ready), auth);
    return {
      ...answer,
      scrubber: signature.length === 0 ? scrubber : createScrubber([...secrets, ...signature], options),
    };
  };
  const options = { repeatable: asked !== null || isRepeatable(call.body), discard };
  const { connection, answer } = await sendWithRenewal(broker, credential, send, options);
  const { connector, auth } = connection;
  const { scrubber } = answer;
  if (answer.status < 200 || answer.status > 599) {
    await discard(answer);
    throw new KeywardError('provider_garbled', `${connector.name} answered with a status that HTTP does not have.`);
  }
  const clock = clockRefusal(auth, answer);
  if (clock !== null) {
    await discard(answer);
    throw new KeywardError('provider_refused', `${connector.name} does not accept the signature.`, {
      hint: `${clock} Then call again.`,
      details: { status: answer.status },
    });
  }
  broker.vault.touch(connection.credential);
  const location = answer.headers.get('location');
  const below =
    location === undefined || answer.status < 300 || answer.status > 399
      ? null
      : pathBelow(connection, answer.url, location);
  return {
    status: answer.status,
    headers: scrubHeaders(passedOn(answer.headers), scrubber),
    body: scrubber.stream(answer.body, answer.headers.get('content-type')),
    discard: () => discard(answer),
    scrub: scrubber.answer,
    service: connector.name,
    redirect: below === null ? null : scrubber.text(`${below.path}${below.query === '' ? '' : `?${below.query}`}`),
  };
}

/** The path that is meant. A whole URL is measured against the base URL, which only an open connection knows. */
async function targetOf(broker: Broker, credential: Credential, path: string): Promise<CallTarget> {
  return readTarget(isWholeUrl(path) ? pathOfUrl(await openConnection(broker, credential), path) : path);
}

/** An answer, and what takes the secret of its own request out of it. */
type Sent = EgressStream & { readonly content?: unknown; readonly scrubber: Scrubber };

/** The answer with its JSON, where the definition finds a refused token in there. Its body still streams. */
async function withContent(answer: EgressStream, { api }: AuthMethod): Promise<EgressStream & { content?: unknown }> {
  const looksInside = api.invalidToken.some(({ status, path }) => status === answer.status && path !== undefined);
  if (!looksInside || !/[/+]json\b/i.test(answer.headers.get('content-type') ?? '')) return answer;
  const { beginning, body } = await peek(answer.body, lookedInto);
  return { ...answer, body, content: parseAnswer(beginning) };
}

/** `GET api.example.com/v1/me` */
function inWords({ method, url }: EgressRequest, scrubber: Scrubber): string {
  return scrubber.text(`${method} ${url.host}${url.pathname}`).slice(0, maxRequest);
}

/** Keyward says which encodings it can read, but for a program that wants the bytes as they are. */
function encodingOf({ headers }: ServiceCall): { 'accept-encoding'?: 'identity' } {
  const given = Object.entries(headers).find(([name]) => name.toLowerCase() === 'accept-encoding')?.[1];
  return given?.trim().toLowerCase() === 'identity' ? { 'accept-encoding': 'identity' } : {};
}

/** What is sent of a call: where its owner was asked, the body that they saw. */
function sentOf(call: ServiceCall, seen: AskedBody | null): Pick<ServiceCall, 'method' | 'body' | 'bodyLength'> {
  if (seen === null) return call;
  return { method: call.method, ...(seen.bytes && { body: seen.bytes }) };
}

/** A stream is gone once it was sent. */
function isRepeatable(body: ServiceCall['body']): boolean {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array;
}

async function discard({ body }: EgressStream): Promise<void> {
  await readBody(body, unneededBytes).catch(() => {});
}

/** A header that has the secret in its name goes as a whole. */
function scrubHeaders(headers: ReturnType<typeof passedOn>, scrubber: Scrubber): Map<string, string> {
  const clean = new Map<string, string>();
  for (const [name, value] of headers) {
    if (scrubber.text(name) !== name) continue;
    // Header values are bytes, which a Headers shows as Latin-1.
    const given = Buffer.from(value, 'latin1');
    const bytes = scrubber.bytes(given);
    clean.set(name, bytes === given ? value : Buffer.from(bytes).toString('latin1'));
  }
  return clean;
}
