/** What goes to a service with a secret in it never comes back with it, however the secret was stored. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secretsOf } from '../../../src/broker/calls/api-request.ts';
import type { Connection } from '../../../src/broker/calls/connection.ts';
import type { InjectRule } from '../../../src/connectors/connector.ts';
import { inject } from '../../../src/connectors/inject.ts';
import { createScrubber } from '../../../src/net/scrub/scrub.ts';

/** A connection with this secret, which goes where the rules say. */
function connectionOf(rules: readonly InjectRule[], secret: string): Connection {
  const inputs = { username: 'ann' };
  const opened = {
    auth: { inject: rules },
    credential: { inputs },
    secret: { kind: 'inputs', inputs: { key: secret } },
  };
  return { ...opened, values: { ...inputs, key: secret } } as unknown as Connection;
}

const rules: readonly InjectRule[] = [
  { in: 'header', name: 'authorization', value: 'Bearer {key}' },
  { in: 'header', name: 'x-key', value: 'user={username}, key="{key}"' },
  { in: 'query', name: 'key', value: '{key}' },
  { in: 'path', value: 'bot{key}' },
  { in: 'basic', username: '{username}', password: '{key}' },
];

describe('what a request carries', () => {
  it('67. is taken out of an echo, whatever white space the secret was stored with', () => {
    const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\u00a0'), maxLength: 3 });
    const core = fc
      .string({ unit: fc.constantFrom(...'aB3%+/=-_é '), minLength: 8, maxLength: 20 })
      .filter((one) => one === one.trim());
    fc.assert(
      fc.property(space, core, space, fc.constantFrom(...rules), (before, own, after, rule) => {
        const stored = `${before}${own}${after}`;
        const { headers, query, path } = inject([rule], { username: 'ann', key: stored });
        const { bytes } = createScrubber(secretsOf(connectionOf([rule], stored)));
        const sent = [
          ...Object.values(headers),
          ...query.map(([, value]) => value),
          new URLSearchParams(query).toString(),
          path,
        ];
        const encoded = Buffer.from(`ann:${stored}`).toString('base64').slice(0, -4);
        for (const one of sent.filter((text) => text !== '')) {
          const echo = Buffer.from(bytes(Buffer.from(one, 'latin1'))).toString('latin1');
          expect(echo).toContain('[redacted]');
          for (const form of [own, encodeURIComponent(own), encoded]) expect(echo).not.toContain(form);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('70. of a JWT is taken out alone what makes it one, its signature', () => {
    const [head, claims, signature] = ['eyJhbGciOiJSUzI1NiJ9', 'eyJzdWIiOiJhbm4ifQ', 'c2lnbmF0dXJlLW9mLWEtdG9rZW4'];
    const [rule] = rules;
    const { text } = createScrubber(
      secretsOf(connectionOf(rule === undefined ? [] : [rule], `${head}.${claims}.${signature}`)),
    );
    expect(text(`{"signature":"${signature}","claims":"${claims}"}`)).toBe(
      `{"signature":"[redacted]","claims":"${claims}"}`,
    );
  });
});
