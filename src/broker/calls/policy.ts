/**
 * Which calls a connection may make, and which of them its owner is asked about: the owner's policy for everybody, and within
 * it the one of the share that lets somebody else in. What is not listed is refused.
 */
import type { Api } from '../../connectors/connector.ts';
import { KeywardError } from '../../errors.ts';
import { type CallPolicy, type Credential, type Reader, reaches } from '../../vault/vault.ts';
import { toolsInWords, widensTools } from '../mcp-servers/tool-rules.ts';
import { allowsMethod, callsInWords, judgeCall, widensCalls } from './call-rules.ts';
import { mayActBy } from './path.ts';
import { segmentsOf } from './path-pattern.ts';

export type { CallPolicy } from '../../vault/vault.ts';

/** What a `use` share may call unless its owner said otherwise: methods that read (RFC 9110 §9.2.1). */
export const readingPolicy: CallPolicy = { methods: ['GET', 'HEAD', 'OPTIONS'], paths: null };

/** A client must not send credentials with TRACE, which gives them back (RFC 9110 §9.3.8); CONNECT is for proxies. */
const neverSent: ReadonlySet<string> = new Set(['TRACE', 'TRACK', 'CONNECT']);

/** A call that its owner is asked about. `pattern` is that of the rule that asks, null where that names no path like this. */
export type AskedAbout = { readonly pattern: string | null };

/**
 * Returns when this call is within the rules; null where it may be sent at once. `path` and `query` are what goes to the service. Headers and parameters
 * that always ask a service for another method are refused for every call (headers.ts, path.ts); those that may do so are
 * refused here, where a rule limits the call. Bodies are not read.
 *
 * @throws KeywardError `forbidden`, which names the rules that hold
 */
export function checkCall(
  row: Pick<Credential, 'tenant' | 'policy' | 'shares'>,
  access: 'owner' | 'use',
  viewer: Reader,
  method: string,
  path: string,
  query = '',
): AskedAbout | null {
  const call = { method: method.toUpperCase(), segments: segmentsOf(path) };
  if (neverSent.has(call.method)) {
    throw new KeywardError('forbidden', `${call.method} is not sent with a credential.`, {
      hint: 'Use the method that the service documents.',
    });
  }
  const own = row.policy ?? null;
  if ((own !== null || access === 'use') && mayActBy(query)) {
    throw new KeywardError(
      'forbidden',
      'The service may do more by this query than the rules of this connection allow.',
      {
        hint: 'Leave out parameters that name a method or hold a GraphQL mutation. Only its owner can change the rules.',
      },
    );
  }
  const ruled = own === null ? null : judgeCall(own, call);
  if (own !== null && ruled?.verdict === 'refuse') {
    throw new KeywardError('forbidden', 'The policy of this connection does not allow this call.', {
      hint: `${inWords(own)} Only its owner can change that.`,
    });
  }
  const asked = ruled?.verdict === 'ask' ? ruled : null;
  if (access === 'owner') return asked;
  const policies = sharedPolicies(row, viewer);
  const shared = policies.map((policy) => judgeCall(policy, call));
  if (shared.some(({ verdict }) => verdict === 'allow')) return asked;
  const askedByShare = shared.find(({ verdict }) => verdict === 'ask');
  if (askedByShare !== undefined) return asked ?? askedByShare;
  throw new KeywardError('forbidden', 'The share of this connection does not allow this call.', {
    hint: [...policies.map(inWords), 'Only its owner can change that.'].join(' '),
  });
}

/**
 * Returns when a token for reading only may make this call: by a method that reads, at a service where such a method
 * changes nothing, and by nothing that may make it another one.
 *
 * @param api null where the definition is gone
 * @throws KeywardError `forbidden`
 */
export function checkReading(api: Pick<Api, 'unsafeGet'> | null, method: string, query: string): void {
  if (!allowsMethod(readingPolicy, method.toUpperCase())) {
    throw new KeywardError('forbidden', 'This token is for reading only.', {
      hint: `It calls with ${readingPolicy.methods?.join(', ')}. Anything else takes a token that may change things.`,
    });
  }
  if (api === null || api.unsafeGet || mayActBy(query)) {
    throw new KeywardError('forbidden', 'This token is for reading only, and this call may change something.', {
      hint: 'The service may act on a GET, or by what its query says. It takes a token that may change things.',
    });
  }
}

/** The policies of the shares that let this viewer use the connection. */
export function sharedPolicies(row: Pick<Credential, 'tenant' | 'shares'>, viewer: Reader): CallPolicy[] {
  return (row.shares ?? [])
    .filter((share) => share.permission === 'use' && reaches(share, row.tenant, viewer))
    .map((share) => share.policy ?? readingPolicy);
}

/**
 * The connection with what a share allows of an MCP server that says nothing of calls: messages may pass, for each of which
 * its tools are looked at. A share of another service may only read then.
 */
export function forMcp<Row extends Pick<Credential, 'shares'>>(row: Row): Row {
  const shares = row.shares?.map((share) => (share.policy ? share : { ...share, policy: everyCall }));
  return shares === undefined ? row : { ...row, shares };
}

const everyCall: CallPolicy = { methods: null, paths: null };

/** True when `next` allows a call that `now` does not, or lets one through that `now` asks about. */
export function widensPolicy(now: CallPolicy | null, next: CallPolicy | null): boolean {
  return widensCalls(now, next) || widensTools(now?.tools ?? null, next?.tools ?? null);
}

/** Whether the owner wants to be asked before anything that is done with the connection. */
export function asksFirst(policy: CallPolicy | null | undefined): boolean {
  return (policy?.ask?.length ?? 0) > 0 || (policy?.tools?.ask.length ?? 0) > 0;
}

/** The rules as a person or a model reads them. */
export function inWords(policy: CallPolicy): string {
  const { methods, paths, tools } = policy;
  if (!tools) return callsInWords(policy);
  return methods === null && paths === null ? toolsInWords(tools) : `${callsInWords(policy)} ${toolsInWords(tools)}`;
}
