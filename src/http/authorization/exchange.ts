/**
 * Token exchange (RFC 8693) at the token endpoint, in front of the library, which knows no session tokens. Whoever has a
 * token may make a narrower one of it: there is no client to prove itself (RFC 8693 §2.1 leaves that to the server).
 */
import { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Broker } from '../../broker/broker.ts';
import { exchangeToken } from '../../broker/sign-in/exchange.ts';
import { hasCode, KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import type { Limits as TokenLimits } from '../../principal.ts';
import type { Limits } from '../middleware/rate-limits.ts';
import type { RequestEnv } from '../request-env.ts';

/** Its name as `grant_type` (RFC 8693 §2.1). */
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** The one `type` of `authorization_details` (RFC 9396 §2): what a token is held to. */
export const detailsType = 'keyward_limits';

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
/** What oidc-provider takes of a body, too. */
const maxBytes = 56 * 1024;

type Options = {
  readonly broker: Broker;
  /** What every token is for: the address of the MCP endpoint. */
  readonly resource: string;
  readonly limits: Pick<Limits, 'badBearer' | 'principal'>;
};

/** Bodies that the library would not take either. */
export const tokenBodyLimit = bodyLimit({
  maxSize: maxBytes,
  onError: (c) => c.json({ error: 'invalid_request', error_description: 'the body is too long' }, 400),
});

/** Answers an exchange; every other grant goes on, with its body to be read once more. */
export function exchangeRoute({ broker, resource, limits }: Options): MiddlewareHandler<RequestEnv> {
  return async (c, next) => {
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/x-www-form-urlencoded') return next();
    const body = await c.req.text();
    const form = new URLSearchParams(body);
    if (!form.getAll('grant_type').includes(exchangeGrant)) {
      const env = c.env as unknown as { incoming: HttpBindings['incoming'] };
      env.incoming = again(env.incoming, body) as HttpBindings['incoming'];
      return next();
    }
    c.header('Cache-Control', 'no-store');
    try {
      const { token, scopes, endsAt } = await exchangeToken(
        broker,
        resource,
        readForm(form, resource),
        limits.principal,
      );
      return c.json({
        access_token: token,
        issued_token_type: accessToken,
        token_type: 'Bearer',
        expires_in: Math.max(0, Math.floor((endsAt - Date.now()) / 1_000)),
        scope: scopes.join(' '),
      });
    } catch (error) {
      const { status, code, message } = refusalOf(error);
      if (hasCode(error, 'rate_limited')) c.header('Retry-After', String(error.details.retryAfterSeconds));
      if (hasCode(error, 'unauthenticated')) await limits.badBearer(c.var.client.address);
      return c.json({ error: code, error_description: message }, status);
    }
  };
}

/** The same request, with its body to be read from the beginning. */
function again(incoming: IncomingMessage, body: string): IncomingMessage {
  const { method, url, headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor } = incoming;
  const copy = new IncomingMessage(incoming.socket);
  Object.assign(copy, { method, url, headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor });
  // It came to its end already, so that nothing that becomes of it touches the connection.
  copy.complete = true;
  copy.push(body);
  copy.push(null);
  return copy;
}

/** What is asked, or what about the request can't be. Every parameter is there once (RFC 6749 §3.2), but for the places. */
function readForm(form: URLSearchParams, resource: string) {
  const one = (name: string): string | null => {
    const [value, ...more] = form.getAll(name);
    if (more.length > 0) throw refused('invalid_request', `${name} must be there once`);
    return value || null;
  };
  if (one('grant_type') !== exchangeGrant) throw refused('invalid_request', 'grant_type must be there once');
  const subject = one('subject_token');
  if (subject === null) throw refused('invalid_request', 'subject_token is missing');
  if (one('subject_token_type') !== accessToken) {
    throw refused('invalid_request', `subject_token_type must be ${accessToken}`);
  }
  if (![null, accessToken].includes(one('requested_token_type'))) {
    throw refused('invalid_request', `requested_token_type must be ${accessToken}`);
  }
  if (form.has('actor_token') || form.has('actor_token_type')) {
    throw refused('invalid_request', 'actor_token is not taken here');
  }
  const places = [...form.getAll('resource'), ...form.getAll('audience')];
  if (places.some((place) => place !== resource)) throw refused('invalid_target', `resource must be ${resource}`);
  const details = one('authorization_details');
  return {
    subject,
    scopes: one('scope')?.split(' ') ?? null,
    limits: details === null ? {} : readDetails(details),
    name: one('keyward_name'),
  };
}

/** `[{ type, connections?, connectors?, readOnly? }]`; what is not known is refused (RFC 9396 §5), never left out. */
function readDetails(text: string): TokenLimits {
  let given: unknown;
  try {
    given = parseJson(text);
  } catch {
    throw wrongDetails('must be JSON');
  }
  const [detail, ...more] = Array.isArray(given) ? given : [];
  if (typeof detail !== 'object' || detail === null || more.length > 0)
    throw wrongDetails('must be a list of one object');
  const { type, connections, connectors, readOnly, ...unknown } = detail as Record<string, unknown>;
  if (type !== detailsType) throw wrongDetails(`must be of the type ${detailsType}`);
  if (Object.keys(unknown).length > 0) throw wrongDetails('may hold connections, connectors and readOnly');
  if (readOnly !== undefined && typeof readOnly !== 'boolean') throw wrongDetails('readOnly must be true or false');
  const [ids, services] = [setOf('connections', connections), setOf('connectors', connectors)];
  return {
    ...(ids && { connections: ids }),
    ...(services && { connectors: services }),
    ...(readOnly && { readOnly }),
  };
}

function setOf(name: string, list: unknown): ReadonlySet<string> | undefined {
  if (list === undefined) return undefined;
  if (Array.isArray(list) && list.length > 0 && list.every((one) => typeof one === 'string')) return new Set(list);
  throw wrongDetails(`${name} must be a list of ids`);
}

function wrongDetails(rule: string): Error {
  return refused('invalid_authorization_details', `authorization_details: ${rule}`);
}

/** A refusal of the token endpoint (RFC 6749 §5.2). */
function refused(oauth: string, message: string): Error {
  return Object.assign(new Error(message), { oauth });
}

/** How a refusal of the broker is told here (RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 9396 §5). */
const codes = {
  unauthenticated: 'invalid_request',
  invalid_input: 'invalid_request',
  insufficient_scope: 'invalid_scope',
  forbidden: 'invalid_authorization_details',
  rate_limited: 'temporarily_unavailable',
  limit_reached: 'temporarily_unavailable',
  vault_busy: 'temporarily_unavailable',
  store_unavailable: 'temporarily_unavailable',
  audit_unavailable: 'temporarily_unavailable',
} as const;

function refusalOf(error: unknown): { status: ContentfulStatusCode; code: string; message: string } {
  if (error instanceof Error && 'oauth' in error) {
    return { status: 400, code: String(error.oauth), message: error.message };
  }
  if (!(error instanceof KeywardError)) throw error;
  const { message } = error;
  const code = codes[error.code as keyof typeof codes];
  if (code === undefined) throw error;
  const busy = error.code === 'rate_limited' ? 429 : 503;
  return { status: code === 'temporarily_unavailable' ? busy : 400, code, message };
}
