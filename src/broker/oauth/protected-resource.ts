/** Asking a protected resource, such as an MCP server, which authorization servers it trusts (RFC 9728). */
import type { KeywardError } from '../../errors.ts';
import { bearerParameter } from '../../net/challenges.ts';
import type { EgressResponse } from '../../net/egress.ts';
import { type Answer, parseAnswer, scopeTokens, textOf } from './answer.ts';
import type { Operation } from './context.ts';
import { garbled } from './failures.ts';
import { askPlace, searchIn } from './search.ts';

type ProtectedResource = {
  /** Its own name for itself, which tokens are asked for (RFC 8707). */
  readonly resource: string;
  /** The one it prefers first; empty where it has no metadata. */
  readonly issuers: readonly string[];
  /** What it wants, separated by spaces; empty when it does not say. */
  readonly scopes: string;
  /** Where it has no metadata: what went wrong while it was looked for. */
  readonly trouble: KeywardError | null;
};

/** More are not looked at: whoever writes the list decides whom Keyward asks. */
const maxIssuers = 5;

/**
 * The metadata of the resource at this address: where its challenge says, else at its well-known addresses. A place that
 * has none, or is in trouble, is followed by the next one.
 *
 * @throws KeywardError `provider_garbled` when a place speaks of another resource
 */
export async function protectedResource(operation: Operation, address: URL): Promise<ProtectedResource> {
  const challenge = await challengeOf(operation, address);
  const places = [...(challenge.metadata === null ? [] : [challenge.metadata]), ...wellKnown(address)];
  const { found, trouble } = await searchIn(places, async (url) => {
    const response = await askPlace(operation, 'oauth-protected-resource', { url });
    const metadata = response.status === 200 ? parseAnswer(response.body) : null;
    return metadata && read(operation, address, metadata, challenge.scopes);
  });
  if (found !== null) return found;
  // RFC 8707 §2, as MCP writes it: without the slash of an empty path.
  const resource = address.pathname === '/' && address.search === '' ? address.origin : address.href;
  const scopes = scopeTokens(challenge.scopes?.split(' ') ?? []).join(' ');
  return { resource, issuers: [], scopes, trouble: trouble ?? challenge.trouble };
}

/** What somebody without a token says to an MCP server first (MCP 2025-11-25, lifecycle). */
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'keyward', version: '1' } },
});

/** What needs a token where greeting the server does not. */
const listTools = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });

/**
 * What a request without a token is answered (RFC 9728 §5.1). Some servers challenge only what a client begins with, and
 * some only what it does then. Only an address on the server's own origin is followed.
 */
async function challengeOf(operation: Operation, address: URL) {
  const asks = [
    () => askPlace(operation, 'the server (GET)', { url: address }),
    () => askPlace(operation, 'the server (initialize)', { url: address, method: 'POST', body: initialize }),
    () => askPlace(operation, 'the server (tools/list)', { url: address, method: 'POST', body: listTools }),
  ];
  let scopes: string | null = null;
  const { found, trouble } = await searchIn(asks, async (ask) => {
    const challenge = challengeIn(await ask(), address);
    scopes ??= challenge.scopes;
    return challenge.metadata;
  });
  return { metadata: found, scopes: scopes as string | null, trouble };
}

function challengeIn({ headers }: EgressResponse, { origin }: URL) {
  const challenge = headers.get('www-authenticate');
  const named = bearerParameter(challenge, 'resource_metadata');
  const url = named !== null && URL.canParse(named) ? new URL(named) : null;
  return { metadata: url?.origin === origin ? url : null, scopes: bearerParameter(challenge, 'scope') };
}

/** RFC 9728 §3.1; the one without a path is what many servers have. */
function wellKnown(address: URL): URL[] {
  const path = address.pathname.replace(/\/$/, '');
  const base = '/.well-known/oauth-protected-resource';
  const urls = [new URL(`${base}${path}${address.search}`, address), new URL(base, address)];
  return path === '' ? urls.slice(1) : urls;
}

function read(operation: Operation, address: URL, metadata: Answer, challenged: string | null): ProtectedResource {
  const resource = textOf(metadata.resource);
  if (resource === null || !covers(resource, address)) {
    throw garbled(operation, `publishes metadata of another resource than ${address.origin}${address.pathname}`);
  }
  const listed: unknown[] = Array.isArray(metadata.authorization_servers) ? metadata.authorization_servers : [];
  const issuers = listed.slice(0, maxIssuers).filter(isIssuer);
  if (issuers.length === 0) throw garbled(operation, 'names no authorization server');
  const offered = Array.isArray(metadata.scopes_supported) ? metadata.scopes_supported : [];
  return { resource, issuers, scopes: scopeTokens(challenged?.split(' ') ?? offered).join(' '), trouble: null };
}

/** True when the resource is this address, or what it is below (RFC 9728 §3.3; MCP servers often name their origin). */
function covers(resource: string, address: URL): boolean {
  if (!URL.canParse(resource)) return false;
  const { origin, pathname, search, hash, username, password } = new URL(resource);
  if (origin !== address.origin || hash !== '' || username !== '' || password !== '') return false;
  if (search !== '' && search !== address.search) return false;
  return `${address.pathname.replace(/\/$/, '')}/`.startsWith(`${pathname.replace(/\/$/, '')}/`);
}

/** A URL of ordinary length: it is stored, and shown to people and models. */
function isIssuer(value: unknown): value is string {
  return typeof value === 'string' && /^https?:\/\/[^\s\\#]{1,500}$/i.test(value) && URL.canParse(value);
}
