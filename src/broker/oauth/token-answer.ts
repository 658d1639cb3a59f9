/**
 * The one place that knows how odd token endpoints answer: errors with status 200, tokens in a nested object, lifetimes
 * as text or null, scopes as a list or with commas, form bodies, no token type. What a definition declares is read
 * first, what every client has met is tolerated, the rest is a typed error.
 */
import { KeywardError } from '../../errors.ts';
import type { EgressResponse } from '../../net/egress.ts';
import { retryAfter } from '../../net/retry-after.ts';
import { maxTokenBytes } from '../../net/scrub/secret-forms.ts';
import { type Answer, keepFields, parseAnswer, positiveNumber, scopeTokens, textOf, valueAt } from './answer.ts';
import { timeIn } from './clock.ts';
import type { OAuthContext, TokenSet } from './context.ts';
import { standardCode, transientCodes, verdictCodes } from './error-codes.ts';
import { garbled, type RefusalFacts, refusal, serverUnavailable } from './failures.ts';

/** Tokens as they were answered; what the answer does not say is null. */
export type TokenAnswer = TokenSet;

/**
 * Reads the answer of a token endpoint (RFC 6749 §5).
 *
 * @throws KeywardError `provider_refused`, `provider_unavailable` or `provider_garbled`
 */
export function readTokenAnswer(context: OAuthContext, response: EgressResponse, facts: RefusalFacts): TokenAnswer {
  const { tokenResponse: rules } = context.auth;
  const answer = readAnswer(context, response, facts, rules.errorPath);
  const nested = rules.tokenPath === null ? null : valueAt(answer, rules.tokenPath);
  // Slack's bot grants carry the user object without a token: the bot's token is beside it.
  const fields = textOf(valueAt(nested, 'access_token')) === null ? answer : (nested as Answer);
  const accessToken = textOf(fields.access_token);
  if (accessToken === null) {
    throw garbled(context, 'answered without an access token', { status: response.status, ambiguous: true });
  }
  if (/^dpop$/i.test(textOf(fields.token_type)?.trim() ?? '')) {
    throw garbled(context, 'bound the access token to a key that Keyward did not send', { ambiguous: true });
  }
  const refreshToken = textOf(fields.refresh_token);
  const kept = keepFields(rules.keep, answer, fields);
  if ([accessToken, refreshToken ?? '', ...Object.values(kept)].some((one) => Buffer.byteLength(one) > maxTokenBytes)) {
    throw tooLong(context);
  }
  return {
    accessToken,
    // Where the token goes in a call is the definition's word; services write anything here.
    tokenType: 'Bearer',
    refreshToken,
    expiresAt: expiryOf(fields.expires_in, rules),
    refreshExpiresAt: timeAfter(positiveNumber(fields[rules.refreshExpiresIn])),
    // HubSpot says `scopes`.
    scopes: scopesIn(fields.scope) ?? scopesIn(fields.scopes),
    kept,
  };
}

function tooLong({ connector }: OAuthContext): KeywardError {
  return new KeywardError('provider_garbled', `${connector.name} issued a token of more than ${maxTokenBytes} bytes.`, {
    hint: 'Ask for fewer scopes or groups, which make a token shorter: Keyward could not keep one this long out of what the service answers.',
    details: { ambiguous: true },
  });
}

/**
 * The body of any OAuth endpoint that answered with success; its errors as exceptions.
 *
 * @param errorPath where a service puts its error code besides `error`
 */
export function readAnswer(
  context: OAuthContext,
  response: EgressResponse,
  facts: RefusalFacts,
  errorPath: string | null = null,
): Answer {
  const { status } = response;
  const retryAfterSeconds = retryAfter(response.headers.get('retry-after'));
  if (status === 429) throw serverUnavailable(context, status, { retryAfterSeconds, ambiguous: false });
  const answer = parseAnswer(response.body);
  const sent = errorIn(answer, errorPath, status);
  const code = sent === null ? null : standardCode(sent, context.auth.tokenResponse.errorCodes);
  const transient = code !== null && transientCodes.has(code);
  if (transient || (status >= 500 && !(code !== null && verdictCodes.has(code)))) {
    throw serverUnavailable(context, status, { retryAfterSeconds, ambiguous: status >= 500 });
  }
  const serviceTime = timeIn(response.headers.get('date'));
  if (sent !== null) throw refusal(context, code, { ...facts, status, serviceTime });
  const success = status >= 200 && status < 300;
  if (answer === null || (status >= 300 && status < 400)) {
    throw garbled(context, `answered with something that is no OAuth answer (status ${status})`, {
      status,
      ambiguous: success,
    });
  }
  if (!success) throw refusal(context, null, { ...facts, status, serviceTime });
  return answer;
}

/** The error a body reports: its code, or empty text when it reports one without a readable code; null without error. */
function errorIn(answer: Answer | null, errorPath: string | null, status: number): string | null {
  if (answer === null) return null;
  const declared = errorPath === null ? null : textOf(valueAt(answer, errorPath));
  // The declared field may hold something harmless in a good answer, such as `status: "ok"`.
  if (declared !== null && (status >= 400 || textOf(answer.access_token) === null)) return declared;
  const { error } = answer;
  if (typeof error === 'string' && error !== '') return error;
  if (typeof error === 'object' && error !== null) {
    return ['code', 'type', 'status', 'error'].map((name) => textOf(valueAt(error, name))).find((found) => found) ?? '';
  }
  return error === true || answer.ok === false ? '' : null;
}

function expiryOf(
  value: unknown,
  rules: { readonly expiresInUnit: 's' | 'ms'; readonly defaultExpiresIn: number | null },
): number | null {
  const answered = positiveNumber(value);
  const fallback = rules.defaultExpiresIn === null ? null : rules.defaultExpiresIn * 1000;
  const lifetime = answered === null ? fallback : answered * (rules.expiresInUnit === 's' ? 1000 : 1);
  return timeAfter(lifetime === null ? null : lifetime / 1000);
}

/** The time that many seconds from now, in milliseconds since 1970; null for none and beyond all calendars. */
function timeAfter(seconds: number | null): number | null {
  const time = seconds === null ? null : Math.floor(Date.now() + seconds * 1000);
  return time === null || Number.isNaN(new Date(time).getTime()) ? null : time;
}

/** Scopes from a list or a text with spaces or commas; null when there are none. */
function scopesIn(value: unknown): string[] | null {
  const parts = Array.isArray(value) ? value : typeof value === 'string' ? value.split(/[\s,]+/) : [];
  const scopes = scopeTokens(parts);
  return scopes.length === 0 ? null : scopes;
}
