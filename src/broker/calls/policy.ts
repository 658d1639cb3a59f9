/**
 * Which calls a connection may make: the owner's policy for everybody, and within it the one of the share that lets
 * somebody else in. Allow-lists only; what is not listed is refused.
 */
import type { Api } from '../../connectors/connector.ts';
import { KeywardError } from '../../errors.ts';
import { type CallPolicy, type Credential, type Reader, reaches } from '../../vault/vault.ts';
import { problemsOfTools, toolRulesOf, toolsInWords, widensTools } from '../mcp-servers/tool-rules.ts';
import { mayActBy } from './path.ts';
import { covers, problemOfPattern, type Segments, segmentsOf } from './path-pattern.ts';

export type { CallPolicy } from '../../vault/vault.ts';

/** What a `use` share may call unless its owner said otherwise: methods that read (RFC 9110 §9.2.1). */
export const readingPolicy: CallPolicy = { methods: ['GET', 'HEAD', 'OPTIONS'], paths: null };

/** A client must not send credentials with TRACE, which gives them back (RFC 9110 §9.3.8); CONNECT is for proxies. */
const neverSent: ReadonlySet<string> = new Set(['TRACE', 'TRACK', 'CONNECT']);

/**
 * Returns when this call is within the rules. `path` and `query` are what goes to the service. Headers and parameters
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
): void {
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
  if (own !== null && !allows(own, call)) {
    throw new KeywardError('forbidden', 'The policy of this connection does not allow this call.', {
      hint: `${inWords(own)} Only its owner can change that.`,
    });
  }
  if (access === 'owner') return;
  const policies = sharedPolicies(row, viewer);
  if (policies.some((policy) => allows(policy, call))) return;
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

/** Whether this policy allows a call of this method and path. */
export function allows(
  policy: CallPolicy,
  call: { readonly method: string; readonly segments: Segments | null },
): boolean {
  return allowsMethod(policy, call.method) && allowsPath(policy, call.segments);
}

/** HEAD is GET without the body (RFC 9110 §9.3.2), so GET allows both. */
function allowsMethod({ methods }: CallPolicy, method: string): boolean {
  return methods === null || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

function allowsPath({ paths }: CallPolicy, segments: Segments | null): boolean {
  if (paths === null) return true;
  return segments !== null && paths.some((pattern) => matches(pattern, segments));
}

function matches(pattern: string, segments: Segments): boolean {
  const own = segmentsOf(pattern);
  return own !== null && covers(own, segments);
}

/** A policy as a caller gives it; what is left out is not limited. */
export type PolicyInput = {
  readonly methods?: readonly string[] | null | undefined;
  readonly paths?: readonly string[] | null | undefined;
  /** Of an MCP server, and only of one. */
  readonly tools?: unknown;
};

/** Most methods or paths in a policy. */
const maxRules = 50;

/**
 * The policy as it is stored.
 *
 * @param protocol what the connection speaks: tools are those of an MCP server, methods and paths those of any other API
 * @throws KeywardError `invalid_input` that names what is wrong
 */
export function readPolicy({ methods, paths, tools = null }: PolicyInput, protocol: Api['protocol']): CallPolicy {
  const upper = methods?.map((method) => method.toUpperCase()) ?? null;
  const problems: Record<string, string> = {};
  for (const [field, rules] of Object.entries({ methods, paths })) {
    if (rules && (rules.length === 0 || rules.length > maxRules)) problems[field] = `must be 1 to ${maxRules} of them`;
    if (rules && protocol === 'mcp') problems[field] = 'is not for an MCP server, whose rules are tools';
  }
  if (upper?.some((method) => !/^[A-Z]{1,20}$/.test(method))) problems.methods = 'must be HTTP methods, such as GET';
  const wrong = paths?.map(problemOfPattern).find((problem) => problem !== null);
  if (wrong) problems.paths = wrong;
  if (tools !== null && protocol !== 'mcp') problems.tools = 'are those of an MCP server, and this connection is none';
  else if (tools !== null) Object.assign(problems, problemsOfTools(tools));
  if (Object.keys(problems).length === 0) {
    const rules = { methods: upper, paths: paths ? [...paths] : null };
    return tools === null ? rules : { ...rules, tools: toolRulesOf(tools ?? {}) };
  }
  throw new KeywardError(
    'invalid_input',
    `${Object.entries(problems)
      .map(([field, problem]) => `policy.${field} ${problem}`)
      .join('; ')}.`,
    {
      hint: protocol === 'mcp' ? toolsHint : pathsHint,
      details: {
        fields: Object.fromEntries(Object.entries(problems).map(([field, rule]) => [`policy.${field}`, rule])),
      },
    },
  );
}

const pathsHint = 'Such as {"methods": ["GET"], "paths": ["/repos/**"]}: * is one segment, ** any rest.';
const toolsHint =
  'Such as {"tools": {"allow": ["get_*"], "ask": ["create_issue"], "refuse": ["delete_*"], "unseen": "refuse"}}.';

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

/** True when `next` allows a call that `now` does not. */
export function widensPolicy(now: CallPolicy | null, next: CallPolicy | null): boolean {
  const before: CallPolicy = now ?? { methods: null, paths: null };
  const after: CallPolicy = next ?? { methods: null, paths: null };
  const methods =
    before.methods !== null && (after.methods === null || after.methods.some((one) => !allowsMethod(before, one)));
  const paths =
    before.paths !== null &&
    (after.paths === null || after.paths.some((pattern) => !allowsPath(before, segmentsOf(pattern))));
  return methods || paths || widensTools(before.tools ?? null, after.tools ?? null);
}

/** The rules as a person or a model reads them. */
export function inWords({ methods, paths, tools }: CallPolicy): string {
  const calls = `Allowed: ${methods?.join(', ') ?? 'every method'} on ${paths?.join(', ') ?? 'every path'}.`;
  if (!tools) return calls;
  return methods === null && paths === null ? toolsInWords(tools) : `${calls} ${toolsInWords(tools)}`;
}
