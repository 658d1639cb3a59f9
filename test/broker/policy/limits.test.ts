import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isWithin, limitsFrom, limitsInWords, narrower, storedFrom } from '../../../src/broker/policy/limits.ts';
import type { Limits } from '../../../src/principal.ts';

const ids = fc.constantFrom('a', 'b', 'c', 'd');
const services = fc.constantFrom('github', 'slack', 'acme');
const anyLimits: fc.Arbitrary<Limits | undefined> = fc.option(
  fc.record(
    {
      connections: fc.array(ids).map((list) => new Set(list)),
      connectors: fc.array(services).map((list) => new Set(list)),
      readOnly: fc.constant(true),
    },
    { requiredKeys: [] },
  ),
  { nil: undefined },
);

test('277. a token with limits makes a narrower one, which reaches what both say and nothing else', async () => {
  await fc.assert(
    fc.property(anyLimits, anyLimits, ids, services, (held, asked, id, connectorId) => {
      const made = narrower(held, asked);
      const row = { id, connectorId };
      expect(isWithin(made, row)).toBe(isWithin(held, row) && isWithin(asked, row));
      expect(made?.readOnly ?? false).toBe(Boolean(held?.readOnly || asked?.readOnly));
    }),
  );
});

test('limits are the same after they were stored', async () => {
  await fc.assert(
    fc.property(anyLimits, (limits) => {
      const again = limitsFrom(JSON.parse(JSON.stringify(storedFrom(limits) ?? null)));
      expect(storedFrom(again)).toEqual(storedFrom(limits));
      expect(again === undefined).toBe(limits === undefined || Object.keys(limits).length === 0);
    }),
  );
});

test.each([
  ['a part that is not known', { connections: ['a'], paths: ['/x'] }],
  ['a list that is none', { connections: 'a' }],
  ['ids that are none', { connectors: [1] }],
  ['a flag that is none', { readOnly: 'yes' }],
  ['a list in its place', []],
  ['a text in its place', 'none'],
])('278. stored limits with %s are refused with their token', (_, stored) => {
  expect(() => limitsFrom(stored)).toThrow('can not read the limits');
});

test('limits say in words what they leave', () => {
  const nameOf = (id: string) => (id === 'a' ? 'Work' : null);
  expect(limitsInWords(undefined)).toBe('all connections');
  expect(limitsInWords({ readOnly: true })).toBe('all connections, for reading only');
  expect(limitsInWords({ connectors: new Set(['slack', 'github']) })).toBe('the connections of github, slack');
  expect(limitsInWords({ connections: new Set(['b', 'a']) }, nameOf)).toBe('the connections b, “Work”');
  expect(limitsInWords({ connections: new Set() })).toBe('no connection');
  expect(limitsInWords({ connections: new Set(['a']), connectors: new Set(['github']) })).toBe(
    'the connections a, and of these only the connections of github',
  );
});
