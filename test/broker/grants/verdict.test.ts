/** What a refusal means for a grant: every combination, as a table. */
import { describe, expect, it } from 'vitest';
import {
  type SecretHistory,
  type Verdict,
  verdictOfRefresh,
  verdictOfService,
} from '../../../src/broker/grants/verdict.ts';

const old: SecretHistory = { renewable: true, young: false };
const young: SecretHistory = { renewable: true, young: true };
const key: SecretHistory = { renewable: false, young: false };
const youngKey: SecretHistory = { renewable: false, young: true };

const invalid = 'Bearer realm="a, b", error="invalid_token", error_description="The token expired"';
const lacking = 'Bearer error="insufficient_scope", scope="read"';
const rules = [{ status: 403 }, { status: 200, path: 'errors.0.code', equals: '602' }, { status: 418, path: 'gone' }];

/** Status, challenge, content, named by the definition → verdict for an old token, a young one, a key, a young key. */
const table: readonly (readonly [
  name: string,
  answer: { status: number; challenge?: string; content?: unknown; named?: boolean },
  verdicts: readonly [Verdict, Verdict, Verdict, Verdict],
])[] = [
  ['200', { status: 200 }, ['use', 'use', 'use', 'use']],
  ['404', { status: 404 }, ['use', 'use', 'use', 'use']],
  ['401', { status: 401 }, ['renew', 'person', 'person', 'person']],
  ['401 with another scheme', { status: 401, challenge: 'Basic realm="x"' }, ['renew', 'person', 'person', 'person']],
  ['401 invalid_token', { status: 401, challenge: invalid }, ['renew', 'person', 'person', 'person']],
  ['401 insufficient_scope', { status: 401, challenge: lacking }, ['use', 'use', 'use', 'use']],
  ['403', { status: 403 }, ['use', 'use', 'use', 'use']],
  ['403 invalid_token', { status: 403, challenge: invalid }, ['renew', 'person', 'person', 'person']],
  ['403 insufficient_scope', { status: 403, challenge: lacking }, ['use', 'use', 'use', 'use']],
  ['400 invalid_token', { status: 400, challenge: invalid }, ['renew', 'person', 'person', 'person']],
  [
    '403 that only quotes it',
    { status: 403, challenge: 'Bearer error_description="error=\\"invalid_token\\""' },
    ['use', 'use', 'use', 'use'],
  ],
  ['403 of another scheme', { status: 403, challenge: 'DPoP error="invalid_token"' }, ['use', 'use', 'use', 'use']],
  ['403 as the definition names it', { status: 403, named: true }, ['renew', 'person', 'person', 'person']],
  [
    'a code that it names',
    { status: 200, content: { errors: [{ code: 602 }] }, named: true },
    ['renew', 'person', 'person', 'person'],
  ],
  ['another code', { status: 200, content: { errors: [{ code: 601 }] }, named: true }, ['use', 'use', 'use', 'use']],
  [
    'any value where it names none',
    { status: 418, content: { gone: false }, named: true },
    ['renew', 'person', 'person', 'person'],
  ],
  ['no value there', { status: 418, content: { gone: null }, named: true }, ['use', 'use', 'use', 'use']],
  ['429', { status: 429 }, ['later', 'later', 'later', 'later']],
  ['500', { status: 500 }, ['later', 'later', 'later', 'later']],
  ['503 invalid_token', { status: 503, challenge: invalid }, ['renew', 'person', 'person', 'person']],
];

describe('what a service’s answer means for the grant', () => {
  it.each(table)('%s', (_, { status, challenge, content, named = false }, verdicts) => {
    const headers = new Map(challenge === undefined ? [] : [['www-authenticate', challenge]]);
    const found = [old, young, key, youngKey].map((history) =>
      verdictOfService({ status, headers, content }, history, named ? rules : []),
    );
    expect(found).toEqual(verdicts);
  });
});

describe('what a refused refresh means for the grant', () => {
  const first = { repeated: false, forgotten: false };
  const again = { repeated: true, forgotten: false };
  const forgotten = { repeated: false, forgotten: true };
  it.each([
    ['invalid_grant', ['person', 'person', 'person']],
    ['no_refresh_token', ['person', 'person', 'person']],
    ['access_denied', ['person', 'person', 'person']],
    ['consent_required', ['person', 'person', 'person']],
    ['interaction_required', ['person', 'person', 'person']],
    ['login_required', ['person', 'person', 'person']],
    ['invalid_request', ['later', 'person', 'person']],
    ['invalid_scope', ['later', 'person', 'person']],
    ['invalid_token', ['later', 'person', 'person']],
    ['unauthorized_client', ['later', 'person', 'person']],
    ['invalid_client', ['later', 'later', 'person']],
    ['unsupported_grant_type', ['later', 'later', 'person']],
    ['', ['later', 'later', 'person']],
  ] as const)('“%s”: at first, heard twice, and from a server that forgot Keyward', (code, verdicts) => {
    expect([first, again, forgotten].map((history) => verdictOfRefresh(code, history))).toEqual(verdicts);
  });
});
