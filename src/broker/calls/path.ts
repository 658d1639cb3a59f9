/**
 * The path of a call: below the base URL of its connection, however it is spelled. What a server could read as another
 * path than Keyward does is refused, never repaired.
 */
import { KeywardError } from '../../errors.ts';

/** Longest path with its query, in characters. */
const maxLength = 8_000;

/** What a caller asked for: `path` begins with one slash, `query` is raw and without its question mark. */
export type CallTarget = { readonly path: string; readonly query: string };

/**
 * Takes a path with an optional query apart. Everything is left as it is written, escapes included.
 *
 * @throws KeywardError `invalid_input` that says what is wrong
 */
export function readTarget(text: string): CallTarget {
  const problem = problemOf(text);
  if (problem !== null) {
    throw new KeywardError('invalid_input', `path ${problem}.`, {
      hint: 'Give the path below the service’s base URL, such as /users/me, and percent-encode what is not plain text.',
      details: { fields: { path: problem } },
    });
  }
  const at = text.indexOf('?');
  const target = at === -1 ? { path: text, query: '' } : { path: text.slice(0, at), query: text.slice(at + 1) };
  if (!parametersOf(target.query).some(({ name }) => otherMethod.test(name))) return target;
  throw new KeywardError('invalid_input', 'The query asks for another method than the call is made with.', {
    hint: 'Leave that parameter out, and make the call with the method itself.',
    details: { fields: { query: 'must not name a method' } },
  });
}

/** Parameters by which services take a GET or POST for another method: the method that was checked is the one that counts. */
const otherMethod =
  /^(_(http_?)?(method|verb)|_?(x_)?(http_?)?(method|verb)_?override|x_(http_?)?(method|verb)|_?http_?(method|verb))$/;

/** Those that mean it at some services only, and there with such a value. */
const mayBeMethod = /^_?(request_?)?(method|verb)$/;
const methodName =
  /^\s*(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|MERGE|MOVE|COPY|LINK|UNLINK|PURGE|MKCOL|PROPPATCH)\s*$/i;

/**
 * True when a service may do by this query what a rule for methods did not see: take the method from a value, or act
 * upon a GET. GraphQL over HTTP allows a GET to read only, which not all servers keep to; what a hash stands for is not seen.
 */
export function mayActBy(query: string): boolean {
  return parametersOf(query).some(({ name, value }) => {
    if (mayBeMethod.test(name)) return methodName.test(value);
    if (!value.includes('{')) return false;
    // Wherever the word stands: a comment or a string could hide what it begins. JSON can spell a name in many ways.
    return name === 'extensions' || (name === 'query' && /\b(mutation|subscription)\b/.test(value));
  });
}

/**
 * The parameters of a query with their names as a server may read them: separated by `&`, by old servers by `;` too;
 * cut at a NUL or a bracket, and with any other sign for the underscore, as PHP has it.
 */
export function parametersOf(query: string): { readonly name: string; readonly value: string }[] {
  return query.split(/[&;]/).map((parameter) => {
    const [[name, value] = ['', '']] = new URLSearchParams(parameter);
    return { name: parameterName(unescaped(name) ?? name), value: unescaped(value) ?? value };
  });
}

/** A parameter's name in the one form in which they are compared. */
export function parameterName(name: string): string {
  return name
    .replace(/\0.*/s, '')
    .replace(/(?<=.)\[.*/s, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replace(/_$/, '');
}

function problemOf(text: string): string | null {
  if (text.length > maxLength) return `must not be longer than ${maxLength} characters`;
  if (!text.startsWith('/')) return 'must begin with /: it is a path, not a URL';
  if (!/^[\x21-\x7e]*$/.test(text)) return 'holds a character that has to be percent-encoded';
  if (/[\\#]/.test(text)) return 'must hold no backslash and no fragment';
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return 'holds a % that is no escape';
  const segments = unescaped(text.split('?', 1)[0] ?? '');
  if (segments === null) return 'holds escapes that can be read in several ways';
  if (/^\/[/\\]/.test(segments)) return 'must begin with a single slash';
  if (/\p{Cc}/u.test(segments)) return 'holds a control character';
  // Some servers cut off spaces and `;parameters`, and fold look-alikes of these characters, before they resolve dot segments.
  // Some decode twice, and an escaped `?` or `#` ends the path for them.
  const dots = /(^|[/\\])\.{1,2}\s*(;[^/\\?#]*)?($|[/\\?#])/;
  const folded = unescaped(segments.normalize('NFKC'));
  return folded === null || dots.test(folded) ? 'must not hold . or .. as a segment' : null;
}

/** Escapes within escapes deeper than this are nobody's path, and undoing thousands of them takes long. */
const maxDepth = 8;

/** The path with every escape undone, also those within others; null for bytes that are no text, or for more than `maxDepth` layers. */
function unescaped(path: string): string | null {
  try {
    let text = path;
    for (let depth = 0; depth <= maxDepth; depth += 1) {
      const next = decodeURIComponent(text.replace(/%(?![0-9A-Fa-f]{2})/g, '%25'));
      if (next === text) return text;
      text = next;
    }
  } catch {
    // Falls through: no text in UTF-8.
  }
  return null;
}

/** True for a whole URL instead of a path. */
export function isWholeUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/** The path with the slash that a model left out: `users/me` is meant as `/users/me`. */
export function withSlash(text: string): string {
  return /^\w[\w-]*($|[/?.])/.test(text) ? `/${text}` : text;
}

/** Half of a pair of surrogates has no encoding. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, '\ufffd');

/** A query (RFC 3986 §3.4). A space is `%20`: strict services read `+` as a plus, and all read `%20` as a space. */
export function encodeQuery(parameters: Iterable<readonly [name: string, value: string]>): string {
  return Array.from(parameters, (pair) => pair.map((part) => encodeURIComponent(wellFormed(part))).join('=')).join('&');
}
