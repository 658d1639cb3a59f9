/**
 * What a refusal means for a grant. This is the one place that decides: calls, uploads, the gateway, verification and
 * refresh ask here, for every authentication type.
 *
 * | verdict | what follows |
 * | --- | --- |
 * | `use` | the grant is as good as before; the answer is the caller's |
 * | `renew` | Keyward gets a new token, once |
 * | `person` | only a person can help: the connection has to be made again |
 * | `later` | the service is in trouble; nothing is said about the grant |
 */
import type { Api } from '../../connectors/connector.ts';
import { bearerParameter } from '../../net/challenges.ts';
import { valueAt } from '../oauth/answer.ts';

export type Verdict = 'use' | 'renew' | 'person' | 'later';

/** What a service answered to a request with the secret. */
export type ServiceAnswerFacts = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** The body where it was read and is JSON, for definitions that look into it. */
  readonly content?: unknown;
};

/** What is known of the connection's secret. */
export type SecretHistory = {
  /** Keyward can get another token without a person. */
  readonly renewable: boolean;
  /** The token is so young that the service means something else than its age. */
  readonly young: boolean;
};

/**
 * What an answer of the service says about the token that it was asked with. A refused token is known by status 401, by a
 * challenge with `invalid_token` whatever the status (RFC 6750 §3.1), or by what the definition names.
 */
export function verdictOfService(
  answer: ServiceAnswerFacts,
  { renewable, young }: SecretHistory,
  named: Api['invalidToken'] = [],
): Verdict {
  const code = bearerParameter(answer.headers.get('www-authenticate'), 'error');
  const refused =
    code === 'invalid_token' ||
    (answer.status === 401 && code !== 'insufficient_scope') ||
    named.some((rule) => rule.status === answer.status && isIn(answer.content, rule));
  if (refused) return renewable && !young ? 'renew' : 'person';
  return answer.status === 429 || answer.status >= 500 ? 'later' : 'use';
}

function isIn(content: unknown, { path, equals }: Api['invalidToken'][number]): boolean {
  if (path === undefined) return true;
  const value = valueAt(content, path);
  return equals === undefined ? value !== undefined && value !== null : String(value) === equals;
}

/** Codes that are a verdict on the grant: no later try can succeed (RFC 6749 §5.2, OpenID Connect Core §3.1.2.6). */
const final: ReadonlySet<string> = new Set([
  'access_denied',
  'consent_required',
  'interaction_required',
  'invalid_grant',
  'login_required',
  'no_refresh_token',
]);

/** Codes that some servers use for a dead grant, and others for a fault of the moment. Heard twice they are final. */
const finalTwice: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_scope',
  'invalid_token',
  'unauthorized_client',
]);

/**
 * What a refusal of the token endpoint says about the grant. A refused client can be mended without the person who
 * connected, so it is none about the grant, unless Keyward registered that client itself.
 *
 * @param code the standard code; empty when the service gave none
 * @param history `repeated`: the same refusal came before, and time has passed since; `forgotten`: the service no longer
 *   knows a client that Keyward registered
 */
export function verdictOfRefresh(
  code: string,
  { repeated, forgotten }: { readonly repeated: boolean; readonly forgotten: boolean },
): Extract<Verdict, 'person' | 'later'> {
  return final.has(code) || forgotten || (repeated && finalTwice.has(code)) ? 'person' : 'later';
}
