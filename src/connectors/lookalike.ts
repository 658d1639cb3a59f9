/**
 * Names that people take for the same one. A small rule in the way of Unicode UTS 39 §4 (confusable detection): the
 * letters of other scripts, digits and accents that read as a Latin letter count as that letter; case, spaces and
 * punctuation don't count. No library with the whole table is kept up to date, and names of services need no more.
 */

/** Cyrillic, Greek and Armenian small letters, by the Latin letter that they look like (Unicode, confusables.txt). */
const alike: Readonly<Record<string, string>> = {
  a: 'аα',
  b: 'ьв',
  c: 'сϲ',
  d: 'ԁժ',
  e: 'еєε',
  g: 'ɡց',
  h: 'һհн',
  i: 'іιɩıї',
  j: 'јϳ',
  k: 'кκ',
  l: 'ӏ',
  m: 'мμ',
  n: 'пηո',
  o: 'оοσօ',
  p: 'рρ',
  q: 'ԛզ',
  r: 'г',
  s: 'ѕ',
  t: 'тτ',
  u: 'υսц',
  v: 'νѵ',
  w: 'ԝωшա',
  x: 'хχ',
  y: 'уγү',
  z: 'ᴢ',
};
const latin = new Map(Object.entries(alike).flatMap(([letter, others]) => [...others].map((other) => [other, letter])));

/** What is left of a name when all that does not tell it from another is taken away; two that read alike have the same. */
export function skeletonOf(name: string): string {
  const letters = [...name.normalize('NFKD').toLowerCase().normalize('NFKD')].filter((one) =>
    /[\p{L}\p{N}$@!|]/u.test(one),
  );
  return letters
    .map((one) => latin.get(one) ?? one)
    .join('')
    .replace(/[1!|il]/g, 'l')
    .replace(/0/g, 'o')
    .replace(/[5$]/g, 's')
    .replace(/3/g, 'e')
    .replace(/[4@]/g, 'a')
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w');
}
