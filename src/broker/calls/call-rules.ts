/**
 * What a policy says of one call: it is sent, its owner is asked first, or it is refused. Refused is whatever no list
 * names, and asked whatever the list of what is asked names, even where it is allowed.
 */
import type { CallPolicy, CallRule } from '../../vault/vault.ts';
import type { Verdict } from '../mcp-servers/rules.ts';
import { covers, mayMatch, type Segments, segmentsOf } from './path-pattern.ts';

/** A call as rules see it: the method in upper case, and null for a path that no rule can be sure about. */
type RuledCall = { readonly method: string; readonly segments: Segments | null };

/** What becomes of a call. `pattern` is that of the rule that asks, null where it names no path like this. */
type CallVerdict = { readonly verdict: Verdict; readonly pattern: string | null };

/** What this policy says of a call. */
export function judgeCall(policy: CallPolicy, call: RuledCall): CallVerdict {
  for (const rule of policy.ask ?? []) {
    if (!allows(rule, call)) continue;
    const pattern = rule.paths?.find((one) => matches(one, call.segments)) ?? null;
    return { verdict: 'ask', pattern };
  }
  if (!allows(policy, call)) return { verdict: 'refuse', pattern: null };
  // A service may take this path for one that is asked about, however it is spelled.
  const asks = (policy.ask ?? []).some((rule) => allowsMethod(rule, call.method) && mayName(rule, call.segments));
  return { verdict: asks ? 'ask' : 'allow', pattern: null };
}

/** Whether these methods and paths name the call. */
export function allows(rule: CallRule, { method, segments }: RuledCall): boolean {
  return allowsMethod(rule, method) && (rule.paths === null || rule.paths.some((one) => matches(one, segments)));
}

/** HEAD is GET without the body (RFC 9110 §9.3.2), so what is said of GET is said of both. */
export function allowsMethod({ methods, except = [] }: CallRule, method: string): boolean {
  const isIn = (list: readonly string[]) => list.includes(method) || (method === 'HEAD' && list.includes('GET'));
  return methods === null ? !isIn(except) : isIn(methods);
}

function matches(pattern: string, segments: Segments | null): boolean {
  const own = segmentsOf(pattern);
  return own !== null && segments !== null && covers(own, segments);
}

function mayName({ paths }: CallRule, segments: Segments | null): boolean {
  return paths === null || segments === null || paths.some((pattern) => mayMatch(pattern, segments));
}

/** Every call. */
const everything: CallPolicy = { methods: null, paths: null };

/**
 * False only when no call is treated better by `after` than by `before`. Where that can't be told from the lists alone it is
 * true, so that the owner is asked once more than needed, and never once less.
 */
export function widensCalls(before: CallPolicy | null, after: CallPolicy | null): boolean {
  const [now, next] = [before ?? everything, after ?? everything];
  const [asked, asks] = [now.ask ?? [], next.ask ?? []];
  const isAsked = asks.some((rule) => includes(rule, next));
  const sendsNoMore = isAsked || includes(now, next);
  const asksStill = (rule: CallRule) => isAsked || isApart(rule, next) || asks.some((one) => includes(one, rule));
  const reachesNoMore = (rule: CallRule) => [now, ...asked].some((one) => includes(one, rule));
  return !(sendsNoMore && asked.every(asksStill) && asks.every(reachesNoMore));
}

/** True when `wide` names every call that `narrow` names. */
function includes(wide: CallRule, narrow: CallRule): boolean {
  return includesMethods(wide, narrow) && includesPaths(wide.paths, narrow.paths);
}

function includesMethods(wide: CallRule, narrow: CallRule): boolean {
  if (narrow.methods !== null) return withHead(narrow.methods).every((method) => allowsMethod(wide, method));
  return wide.methods === null && withHead(wide.except ?? []).every((method) => !allowsMethod(narrow, method));
}

function includesPaths(wide: CallRule['paths'], narrow: CallRule['paths']): boolean {
  if (wide === null || narrow === null) return wide === null;
  return narrow.every((pattern) => wide.some((one) => matches(one, segmentsOf(pattern))));
}

/** True only when no call is named by both. */
function isApart(one: CallRule, other: CallRule): boolean {
  const list = one.methods === null ? other : one;
  const rest = one.methods === null ? one : other;
  if (list.methods === null) return false;
  return withHead(list.methods).every((method) => !allowsMethod(rest, method));
}

function withHead(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods;
}

/** `Allowed: GET on /repos/**. Asked first: POST on /repos/**.` */
export function callsInWords({ ask = [], ...policy }: CallPolicy): string {
  const asked = ask.map(ruleInWords).join('; ');
  const wide = policy.methods === null || policy.paths === null;
  const but = asked !== '' && wide ? ', but for what is asked first' : '';
  return `Allowed: ${ruleInWords(policy)}${but}.${asked === '' ? '' : ` Asked first: ${asked}.`}`;
}

function ruleInWords({ methods, except = [], paths }: CallRule): string {
  const every = except.length === 0 ? 'every method' : `every method but ${except.join(', ')}`;
  return `${methods?.join(', ') ?? every} on ${paths?.join(', ') ?? 'every path'}`;
}
