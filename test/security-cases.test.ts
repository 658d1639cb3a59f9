/** The list of attack cases and the tests that prove them: no number without a case, and no case without a test. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const root = new URL('./', import.meta.url);
const list = await readFile(new URL('../docs/security-cases.md', import.meta.url), 'utf8');
const cases = Array.from(list.matchAll(/^(\d+)\. /gm), ([, number]) => Number(number));

/** Numbers at the beginning of the names of tests, as in `it('54. 55. …`; a name may also be a row of a table. */
async function numbersOfTests(): Promise<Set<number>> {
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, root), 'utf8')));
  const names = texts.flatMap((text) =>
    Array.from(text.matchAll(/['"`]((?:\d{1,3}\. )+)(?=[\p{L}\d“(%$])/gu), ([, one]) => one ?? ''),
  );
  return new Set(names.flatMap((name) => name.match(/\d+/g) ?? []).map(Number));
}

it('every number that a test carries is a case, and every case has a test', async () => {
  const tested = await numbersOfTests();
  expect(cases.length).toBeGreaterThan(100);
  expect([...tested].filter((number) => !cases.includes(number)).sort((a, b) => a - b)).toEqual([]);
  expect(cases.filter((number) => !tested.has(number))).toEqual([]);
});

it('every case has one number, in order', () => {
  expect(new Set(cases).size).toBe(cases.length);
});
