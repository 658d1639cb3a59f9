/** Asking a protected resource, such as an MCP server, which authorization servers it trusts (RFC 9728). */
import { type Answer, parseAnswer, scopeTokens, textOf } from './answer.ts';
import type { Operation } from './context.ts';
import { readMetadata } from './discovery.ts';
import { garbled } from './failures.ts';
import { send } from './send.ts';

export type ProtectedResource = {
  /** Its own name for itself, which tokens are asked for (RFC 8707). */
  readonly resource: string;
  /** The one it prefers first; empty where it has no metadata. */
  readonly issuers: readonly string[];
  /** What it wants, separated by spaces; empty when it does not say. */
  readonly scopes: string;
};

/** More are not looked at: whoever writes the list decides whom Keyward asks. */
const maxIssuers = 5;

/**
 * The metadata of the resource at this address: where its challenge says, else at its well-known addresses.
 *
 * @throws KeywardError `provider_garbled` when it is about another resource, `provider_unavailable`
 */
export async function protectedResource(operation: Operation, address: URL): Promise<ProtectedResource> {
  const challenge = await challengeOf(operation, address);
  for (const url of [challenge.metadata, ...wellKnown(address)]) {
    const metadata = url === null ? null : await document(operation, url);
    if (metadata) return read(operation, address, metadata, challenge.scopes);
  }
  // RFC 8707 §2, as MCP writes it: without the slash of an empty path.
  const resource = address.pathname === '/' && address.search === '' ? address.origin : address.href;
  return { resource, issuers: [], scopes: scopeTokens(challenge.scopes?.split(' ') ?? []).join(' ') };
}

/** What an unauthenticated request is answered (RFC 9728 §5.1). Only an address on its own origin is followed. */
async function challengeOf(operation: Operation, address: URL) {
  const { headers } = await send(operation, { url: address, headers: { accept: 'application/json' } }, 'repeatable');
  const challenge = headers.get('www-authenticate') ?? '';
  const named = parameter(challenge, 'resource_metadata');
  const url = named !== null && URL.canParse(named) ? new URL(named) : null;
  return { metadata: url?.origin === address.origin ? url : null, scopes: parameter(challenge, 'scope') };
}

/** A parameter of a challenge (RFC 9110 §11.2), quoted or not. */
function parameter(challenge: string, name: string): string | null {
  const match = new RegExp(`[\\s,]${name}\\s*=\\s*(?:"([^"\\\\]*)"|([^\\s,"]+))`, 'i').exec(challenge);
  return match?.[1] ?? match?.[2] ?? null;
}

/** RFC 9728 §3.1; the one without a path is what many servers have. */
function wellKnown(address: URL): URL[] {
  const path = address.pathname.replace(/\/$/, '');
  const base = '/.well-known/oauth-protected-resource';
  const urls = [new URL(`${base}${path}${address.search}`, address), new URL(base, address)];
  return path === '' ? urls.slice(1) : urls;
}

async function document(operation: Operation, url: URL): Promise<Answer | null> {
  const response = await readMetadata(operation, url);
  return response.status === 200 ? parseAnswer(response.body) : null;
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
  return { resource, issuers, scopes: scopeTokens(challenged?.split(' ') ?? offered).join(' ') };
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
