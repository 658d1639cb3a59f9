/** `WWW-Authenticate` as servers write it: several challenges, quoted strings, escapes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearerParameter, challengesIn } from '../../src/net/challenges.ts';

const plain = (header: string) =>
  challengesIn(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('the challenges of an answer', () => {
  it.each([
    ['', []],
    ['Bearer', [['bearer', {}]]],
    ['Bearer realm="x"', [['bearer', { realm: 'x' }]]],
    [
      'Basic realm="a", Bearer error="invalid_token"',
      [
        ['basic', { realm: 'a' }],
        ['bearer', { error: 'invalid_token' }],
      ],
    ],
    [
      'Bearer, Basic realm=a',
      [
        ['bearer', {}],
        ['basic', { realm: 'a' }],
      ],
    ],
    [
      'Negotiate YWJj==, Bearer scope="a b"',
      [
        ['negotiate', {}],
        ['bearer', { scope: 'a b' }],
      ],
    ],
    [
      'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
      [
        ['newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }],
        ['basic', { realm: 'simple' }],
      ],
    ],
    [
      'Bearer resource_metadata = "https://a.example/x,y" , scope="a"',
      [['bearer', { resource_metadata: 'https://a.example/x,y', scope: 'a' }]],
    ],
    ['Bearer error="invalid_token', [['bearer', {}]]],
    ['="x"', []],
  ])('%s', (header, found) => {
    expect(plain(header)).toEqual(found);
  });

  it('are read whatever a value holds, and a value never passes for a parameter', () => {
    const value = fc.string({ unit: fc.constantFrom(...'ab=,"\\ \t') });
    fc.assert(
      fc.property(value, value, (one, other) => {
        const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
        const header = `Basic realm=${quote(one)}, Bearer error_description=${quote(other)}, error="invalid_token"`;
        expect(bearerParameter(header, 'error')).toBe('invalid_token');
        expect(bearerParameter(header, 'error_description')).toBe(other);
        expect(bearerParameter(`Basic realm=${quote(`x", Bearer error="invalid_token`)}`, 'error')).toBeNull();
      }),
    );
  });

  it('never take longer than their length asks for', () => {
    for (const unit of ['"', '\\', '"\\', 'a=', 'a="', ',', ' ']) challengesIn(`Bearer a="${unit.repeat(200_000)}`);
  });
});
