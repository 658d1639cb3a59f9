/**
 * Names of which there is one spelling. Rules compare names letter by letter, and a server may read a URI first (the SDKs'
 * own do), or fold a name: where rules hold, it must not be able to see another name than they do.
 */
import { oneLine } from '../../text.ts';
import type { Item } from './rules.ts';

/** True for a name that no server takes for that of another tool, prompt or resource. */
export function isPlain({ kind, name }: Item): boolean {
  return kind === 'resource' ? isPlainUri(name) : isPlainText(name);
}

/** True for the template of URIs (RFC 6570) that is plain but for its variables. */
export function isPlainTemplate(template: string): boolean {
  return isPlainUri(template.replace(/\{[+#./;?&]?[\w.,:*%]+\}/g, 'x'));
}

/** The names by which a server may know it: a web address without a path has the path `/` (WHATWG URL §4.4). */
export function namesOf(item: Item): readonly Item[] {
  const { kind, name } = item;
  return kind === 'resource' && URL.parse(name)?.href === `${name}/` ? [item, { kind, name: `${name}/` }] : [item];
}

/** Nothing unseen in it, no blanks at its ends, and no sign that is a form of another (Unicode NFKC). */
function isPlainText(name: string): boolean {
  return oneLine(name, name.length) === name && name.normalize('NFKC') === name;
}

/** In an escape: letters, digits and signs that need none (RFC 3986 §2.3), what parts or ends a path, and small digits. */
const needless = /%(?:[01]|2[DEF]|3\d|[46][1-9A-F]|[57][\dA]|5[CF]|7[EF]|.?[a-f])/;
/** In a path: segments that lead elsewhere or nowhere (RFC 3986 §5.2.4), and what some take for a slash. */
const misleading = /(?:^|[/:])\.{1,2}(?:\/|$)|\/\/|\\/;

function isPlainUri(name: string): boolean {
  const url = URL.parse(name);
  if (url === null || (url.href !== name && url.href !== `${name}/`)) return false;
  // Whoever takes the escapes out must be able to, and a fragment names a part of the same resource.
  if (needless.test(name) || !isWellEscaped(name) || name.includes('#')) return false;
  if (/^[a-z][a-z\d+.-]*:\/\/[^/?]*@/.test(name) || url.hostname.endsWith('.')) return false;
  // `localhost` can be left out, and no file has a query (RFC 8089 §2).
  if (url.protocol === 'file:' && (!name.startsWith('file:///') || name.includes('?'))) return false;
  return !misleading.test(name.replace(/^[^:]*:(?:\/\/[^/?]*)?/, '').replace(/\?.*/s, ''));
}

function isWellEscaped(uri: string): boolean {
  try {
    const text = decodeURIComponent(uri);
    return text.normalize('NFC') === text;
  } catch {
    return false;
  }
}
