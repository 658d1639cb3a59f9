/** The one way in for JSON that somebody else wrote. */

/** Far deeper than anybody's document. What walks a value (comparing, printing, schemas) falls over at some thousand levels. */
const usualDepth = 200;

/** JSON that nests too deeply; its message quotes nothing. */
export class TooDeepError extends SyntaxError {}

/**
 * The value of a JSON text.
 *
 * @throws SyntaxError for what is no JSON, and `TooDeepError` for what nests deeper than that many levels: that is found
 *   before it is parsed, since parsing a text of five million brackets stops everything else for a second
 */
export function parseJson(text: string, maxDepth: number = usualDepth): unknown {
  if (isDeeper(text, maxDepth)) throw new TooDeepError(`is nested deeper than ${maxDepth} levels`);
  return JSON.parse(text);
}

const [quote, backslash, openList, openObject, closeList, closeObject] = [...'"\\[{]}'].map((sign) =>
  sign.charCodeAt(0),
);

/** Whether brackets outside of strings nest deeper. One pass, since every request pays for it. */
function isDeeper(text: string, maxDepth: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign === quote) quoted = !quoted;
    else if (quoted) at += sign === backslash ? 1 : 0;
    else if (sign === openList || sign === openObject) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (sign === closeList || sign === closeObject) depth -= 1;
  }
  return false;
}
