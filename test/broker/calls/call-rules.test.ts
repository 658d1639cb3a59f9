/** What a policy says of a call, what counts as allowing more, and what the presets are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeCall, widensCalls } from '../../../src/broker/calls/call-rules.ts';
import { segmentsOf } from '../../../src/broker/calls/path-pattern.ts';
import { type CallPolicy, inWords } from '../../../src/broker/calls/policy.ts';
import { type PolicyInput, readPolicy } from '../../../src/broker/calls/policy-input.ts';

const http = { protocol: 'http', unsafeGet: false } as const;
const verdict = (policy: CallPolicy, method: string, path: string) =>
  judgeCall(policy, { method, segments: segmentsOf(path) }).verdict;

const methods = ['GET', 'HEAD', 'POST', 'DELETE', 'PURGE'];
const paths = ['/a', '/A', '/a/', '/a/b', '/a/b/c', '/a;x/b', '/b', '/a%2Fb', '/a.json', '/', '/%2e'];
const someOf = (all: readonly string[]) => fc.subarray([...all], { minLength: 1 });
const patterns = fc.option(someOf(['/a', '/a/*', '/a/**', '/a/b', '/*/b', '/b', '/**']));
const anyRule = fc.oneof(
  fc.record({ methods: fc.option(someOf(methods)), paths: patterns }),
  fc.record({ methods: fc.constant(null), except: someOf(methods), paths: patterns }),
);
const anyPolicy: fc.Arbitrary<CallPolicy> = fc
  .tuple(fc.option(someOf(methods)), patterns, fc.array(anyRule, { maxLength: 2 }))
  .map(([own, places, ask]) => ({ methods: own, paths: places, ...(ask.length > 0 && { ask }) }));

describe('rules for calls', () => {
  it('ask where they allow, too, refuse what no list names, and say HEAD with GET', () => {
    const policy = readPolicy({ methods: ['get', 'post'], ask: [{ methods: ['post'], paths: ['/a/**'] }] }, http);
    expect(['/a', '/b'].map((path) => verdict(policy, 'POST', path))).toEqual(['ask', 'allow']);
    expect(verdict(policy, 'DELETE', '/a')).toBe('refuse');
    const more = readPolicy(
      { methods: ['GET'], ask: [{ methods: ['DELETE'] }, { methods: ['GET'], paths: ['/x'] }] },
      http,
    );
    expect(verdict(more, 'DELETE', '/a')).toBe('ask');
    expect(verdict(more, 'HEAD', '/x')).toBe('ask');
    expect(verdict(more, 'POST', '/x')).toBe('refuse');
  });

  it('378. count as wider whenever one call is refused by them less, or asked about no more', () => {
    const ranks = { refuse: 0, ask: 1, allow: 2 };
    fc.assert(
      fc.property(anyPolicy, anyPolicy, (now, next) => {
        if (widensCalls(now, next)) return true;
        return methods.every((method) =>
          paths.every((path) => ranks[verdict(next, method, path)] <= ranks[verdict(now, method, path)]),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  const preset = (name: PolicyInput) => readPolicy(name, http);
  it.each<[string, CallPolicy | null, CallPolicy | null, boolean]>([
    ['everything to asking before writing', null, preset({ preset: 'askBeforeWriting' }), false],
    [
      'asking before writing to reading only',
      preset({ preset: 'askBeforeWriting' }),
      preset({ preset: 'readOnly' }),
      false,
    ],
    [
      'reading only to asking before writing',
      preset({ preset: 'readOnly' }),
      preset({ preset: 'askBeforeWriting' }),
      true,
    ],
    ['asking before writing to everything', preset({ preset: 'askBeforeWriting' }), null, true],
    [
      'asking to asking for more',
      preset({ ask: [{ methods: ['POST'] }] }),
      preset({ preset: 'askBeforeWriting' }),
      false,
    ],
    [
      'asking to asking for less',
      preset({ preset: 'askBeforeWriting' }),
      preset({ ask: [{ methods: ['POST'] }] }),
      true,
    ],
    ['every rule to the same', preset({ preset: 'askBeforeWriting' }), preset({ preset: 'askBeforeWriting' }), false],
  ])('378. from %s: wider is %4$s', (_, now, next, wider) => {
    expect(widensCalls(now, next)).toBe(wider);
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PURGE', 'MKCOL'])(
    '379. of the presets say of %s what they promise',
    (method) => {
      const reads = method === 'GET' || method === 'HEAD';
      expect(verdict(preset({ preset: 'readOnly' }), method, '/x')).toBe(reads ? 'allow' : 'refuse');
      expect(verdict(preset({ preset: 'askBeforeWriting' }), method, '/x')).toBe(reads ? 'allow' : 'ask');
      expect(inWords(preset({ preset: 'askBeforeWriting' }))).toBe(
        'Allowed: every method on every path, but for what is asked first. Asked first: every method but GET, HEAD on every path.',
      );
    },
  );

  it('379. trust no GET where it may change something: there each call is asked about, and nothing is for reading only', () => {
    const unsafe = { protocol: 'http', unsafeGet: true } as const;
    expect(verdict(readPolicy({ preset: 'askBeforeWriting' }, unsafe), 'GET', '/x')).toBe('ask');
    expect(() => readPolicy({ preset: 'readOnly' }, unsafe)).toThrow(
      expect.objectContaining({ code: 'invalid_input' }),
    );
    const mcp = { protocol: 'mcp', unsafeGet: false } as const;
    expect(readPolicy({ preset: 'askBeforeWriting' }, mcp).tools).toMatchObject({ allow: null, ask: ['*'] });
    expect(readPolicy({ preset: 'readOnly' }, mcp).tools).toMatchObject({ allow: ['prompt:*', 'resource:*'] });
    expect(() => readPolicy({ ask: [{}] }, mcp)).toThrow(/policy\.ask is not for an MCP server/);
  });

  it.each<[PolicyInput, string]>([
    [{ ask: [{ methods: ['GET'], except: ['POST'] }] }, 'policy.ask.0.except'],
    [{ ask: [{ methods: [] }] }, 'policy.ask.0.methods'],
    [{ ask: [{}, { except: ['NO WAY'] }] }, 'policy.ask.1.except'],
    [{ ask: [{ paths: ['a'] }] }, 'policy.ask.0.paths'],
    [{ preset: 'none' }, 'policy.preset'],
    [{ preset: 'readOnly', methods: ['GET'] }, 'policy.preset'],
    [{ ask: Array(51).fill({}) }, 'policy.ask'],
  ])('are refused where they can not be read: %j names %s', (given, field) => {
    expect(() => readPolicy(given, http)).toThrow(
      expect.objectContaining({ code: 'invalid_input', details: { fields: { [field]: expect.any(String) } } }),
    );
  });
});
