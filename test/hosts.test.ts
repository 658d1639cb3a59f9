import { expect, it } from 'vitest';
import { otherPort } from '../src/hosts.ts';

it('the port to take instead of another one is a port, beside the last one too', () => {
  expect(otherPort(7_355)).toBe(7_356);
  expect(otherPort(65_535)).toBe(65_534);
});
