/** The shape in which a profile says what its token endpoint has to say. */
import type { Place } from './authorize.ts';
import type { Answer } from './request.ts';
import type { Issued, Outcome } from './token.ts';

export function shape(outcome: Outcome, { profile }: Place, refreshes: boolean): Answer {
  const { answer } = profile;
  if ('error' in outcome) {
    const name =
      (refreshes ? answer.refreshErrors : {})[outcome.error] ?? answer.errors[outcome.error] ?? outcome.error;
    const error = answer.errorAt.split('.').reduceRight<unknown>((inner, step) => ({ [step]: inner }), name);
    return written(
      { ...(error as object), ...(answer.nest === null ? {} : { ok: false }) },
      answer.errorStatus,
      answer.as,
    );
  }
  const tokens = fieldsOf(outcome.issued, answer);
  const fields =
    answer.nest === null
      ? { ...tokens, ...answer.beside, ...answer.extra }
      : { ...answer.beside, ...answer.extra, [answer.nest]: tokens };
  return written(fields, answer.status, answer.as);
}

type Rules = Place['profile']['answer'];

function fieldsOf({ accessToken, refreshToken, lifetime, scopes }: Issued, rules: Rules): Record<string, unknown> {
  const scope = { spaces: scopes.join(' '), commas: scopes.join(','), list: scopes, absent: undefined }[rules.scope];
  const expiry = {
    number: lifetime,
    text: `${lifetime}`,
    null: null,
    zero: 0,
    milliseconds: (lifetime ?? 0) * 1_000,
    absent: undefined,
  }[rules.expiresIn];
  return {
    access_token: accessToken,
    ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
    ...(rules.tokenType === null ? {} : { token_type: rules.tokenType }),
    ...(scope === undefined ? {} : { scope }),
    ...(expiry === undefined || (lifetime === null && rules.expiresIn !== 'zero') ? {} : { expires_in: expiry }),
  };
}

function written(fields: Record<string, unknown>, status: number, as: 'json' | 'form'): Answer {
  if (as === 'json') return { status, body: fields };
  const pairs = Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { status, headers, body: new URLSearchParams(pairs).toString() };
}
