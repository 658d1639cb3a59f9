/** Texts that somebody else chose, made fit to store, to show, and to stand in a sentence that a model reads. */

/**
 * What is not seen, or makes other text look different: control, format and private characters (bidirectional overrides
 * and zero widths among them), line and paragraph separators, halves of surrogate pairs, and whatever else Unicode calls
 * ignorable, such as fillers. The mark that makes an emoji colourful stays where it stands behind one.
 */
const unseen =
  /(?:[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?<!\p{Emoji})\uFE0F|(?!\uFE0F)[\p{Cf}\p{Default_Ignorable_Code_Point}])+/gu;

/** More accents on one letter than any language has: they would cover the lines around it. */
const stacked = /(\p{M}{4})\p{M}+/gu;

/**
 * One line of plain text out of anything a service or a person sent: nothing unseen, no line breaks, cut to `max`
 * characters. Null when nothing is left.
 */
export function oneLine(value: unknown, max: number): string | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const text = String(value).replace(unseen, ' ').replace(stacked, '$1').trim();
  return text === '' ? null : [...text].slice(0, max).join('');
}

/**
 * A text that somebody else chose, as a value that can't be taken for anything but a quotation: one line between “ and ”,
 * in which neither stands. For every place where a model, or a person, reads what a stranger wrote.
 */
export function quoted(text: string, max = 100): string {
  const line = oneLine(text.slice(0, 4 * max), max) ?? '';
  return `“${line.replace(/\s+/gu, ' ').replace(/["“”„‟«»‹›＂〝〞〟「」『』❝❞]/gu, '’')}”`;
}

/** The text with everything unseen in it as its code point, ‹U+202E›; line breaks and tabs stay. */
export function visible(text: string): string {
  return text.replace(unseen, (found) =>
    Array.from(found, (sign) => (sign === '\n' || sign === '\t' ? sign : codePoint(sign))).join(''),
  );
}

/** A name with everything in it as its code point that is not plain ASCII: letters of other scripts look like Latin ones. */
export function visibleName(name: string): string {
  return name.replace(/[^\x20-\x7e]/gu, codePoint);
}

function codePoint(sign: string): string {
  return `‹U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}›`;
}
