import { expect, it } from 'vitest';
import { parseCommandLine } from '../../src/cli/command-line.ts';

const problemOf = (words: string) => Object.entries(parseCommandLine(words.split(' '), true).problems)[0];

it.each([
  ['lst', /did you mean list\?/],
  ['tokens create', /did you mean token create\?/],
  ['audit', /did you mean audit tail or audit verify or audit archive\?/],
  ['statsu', /did you mean status\?/],
  ['audit-verify', /did you mean audit verify\?/],
])('“keyward %s” is told what was meant, and no list of everything', (words, expected) => {
  const [name, problem] = problemOf(words) ?? [];
  expect(name).toBe(words);
  expect(problem).toMatch(expected);
  expect(problem?.length).toBeLessThan(100);
});

it('a command that is like none is not explained by another', () => {
  expect(problemOf('xyzzy-plugh')?.[1]).toBe('is no command');
});
