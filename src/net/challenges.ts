/** The challenges of `WWW-Authenticate` (RFC 9110 §11.6.1), taken apart as the grammar says and never searched as a text. */
import { token } from '../header-names.ts';

/** One challenge: its scheme and its parameters, both by names in lower case. */
type Challenge = { readonly scheme: string; readonly parameters: ReadonlyMap<string, string> };

/** A token, a quoted string with its escapes, or one of the signs between them (RFC 9110 §5.6). */
const part = new RegExp(`[\\t ]*(?:(${token})|"((?:[^"\\\\]|\\\\.)*)"|([=,]))`, 'gsy');
/** The `token68` of schemes such as Negotiate (RFC 9110 §11.2). */
const token68 = /[\t ]+[\w.~+/-]+=*(?=[\t ]*(?:,|$))/y;
/** Longest header that is read, in characters. */
const maxLength = 16_384;

/**
 * Every challenge in the header, in its order; what does not fit the grammar ends the reading. Several headers of that name
 * are joined by commas, as RFC 9110 §5.3 has it.
 */
export function challengesIn(header: string | undefined): Challenge[] {
  const text = (header ?? '').slice(0, maxLength);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const next = () => {
    part.lastIndex = at;
    const match = part.exec(text);
    if (match === null) return null;
    at = part.lastIndex;
    const [, word, quoted, sign] = match;
    return { token: word, value: word ?? quoted?.replace(/\\(.)/gs, '$1'), sign };
  };
  for (let read = next(); read !== null; read = next()) {
    if (read.sign === ',') continue;
    if (read.token === undefined) break;
    const before = at;
    if (next()?.sign === '=' && challenges.length > 0) {
      const { value } = next() ?? {};
      if (value === undefined) break;
      challenges.at(-1)?.parameters.set(read.token.toLowerCase(), value);
      continue;
    }
    at = before;
    challenges.push({ scheme: read.token.toLowerCase(), parameters: new Map() });
    token68.lastIndex = at;
    const whole = token68.exec(text);
    // A lone word may be the next parameter's name; only what a comma or the end follows is a token68.
    if (whole !== null) at = token68.lastIndex;
  }
  return challenges;
}

/** A parameter of the first Bearer challenge that has it (RFC 6750 §3); null without. */
export function bearerParameter(header: string | undefined, name: string): string | null {
  const bearer = challengesIn(header).filter(({ scheme }) => scheme === 'bearer');
  return bearer.map(({ parameters }) => parameters.get(name)).find((value) => value !== undefined) ?? null;
}
