/** What git asks a credential helper, and what it is answered (git-credential(1), INPUT/OUTPUT FORMAT). */
import { KeywardError } from '../../errors.ts';
import { isListed, isLoopback, parseHost } from '../../hosts.ts';

/** Of all that git says, what matters here. Later values of an attribute replace earlier ones. */
export type GitRequest = { readonly url: URL; readonly path: string; readonly username: string };

/** More than git ever sends. */
const mostBytes = 65_536;

/**
 * Reads what git sent. Null for what no credential is for: another protocol than https, or plain http to anything but a
 * loopback address that the configuration lets be reached.
 *
 * @param allowed hosts of `KEYWARD_EGRESS_ALLOW`
 */
export async function readGitRequest(
  source: AsyncIterable<Uint8Array | string>,
  allowed: readonly string[],
): Promise<GitRequest | null> {
  let text = '';
  for await (const chunk of source) {
    text += chunk.toString();
    if (text.length > mostBytes)
      throw new KeywardError('invalid_input', 'This is not what git asks a credential helper.');
  }
  const attributes = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') break;
    const at = line.indexOf('=');
    if (at > 0) attributes.set(line.slice(0, at), line.slice(at + 1));
  }
  const { protocol = '', host = '', path = '', username = '' } = Object.fromEntries(attributes);
  // It is what stands between the slashes of a URL, and nothing else may be.
  if (!/^https?$/.test(protocol) || parseHost(host) === undefined || host.includes('*')) return null;
  const url = new URL(`${protocol}://${host}`);
  return url.protocol === 'https:' || mayBePlain(url, allowed) ? { url, path, username } : null;
}

function mayBePlain(url: URL, allowed: readonly string[]): boolean {
  return (
    isLoopback(url.hostname) &&
    isListed(
      url,
      allowed.flatMap((entry) => parseHost(entry) ?? []),
    )
  );
}

/**
 * The lines that git reads.
 *
 * @throws KeywardError `invalid_input` for a value with a line break, which git would take for another attribute
 */
export function gitAnswer(attributes: Readonly<Record<string, string | number | null>>): string {
  const given = Object.entries(attributes).filter(([, value]) => value !== null);
  if (given.some(([, value]) => /[\n\r\0]/.test(String(value)))) {
    throw new KeywardError('invalid_input', 'The secret has a line break, so git can not log in with it.');
  }
  return given.map(([name, value]) => `${name}=${value}\n`).join('');
}
