/** Parsers of option values. Each answers the value or throws with what it must be; none repeats what it was given. */
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { KeywardError } from '../errors.ts';
import { isLoopback } from '../hosts.ts';

/** Reads the text of one option. */
type Parser<T> = (text: string) => T;

const refuse = (rule: string): never => {
  throw new KeywardError('config_invalid', `must be ${rule}`);
};

export const text: Parser<string> = (given) => given;

/** What is said of a text with a placeholder. */
export const placeholderProblem =
  'holds a placeholder that was not filled in: write the value itself, or leave the setting out';

/**
 * True for a text with a placeholder that nobody filled in: `${HOME}`, `${env:KEY}`, `$HOME/x`, `%USERPROFILE%`,
 * `{{key}}`. Whoever starts Keyward without a shell hands them on as they stand; taken at its word, one would be a folder
 * of that name, or a passphrase that everybody knows.
 */
export function hasPlaceholder(given: string): boolean {
  // In a URL, a percent sign and two hexadecimal digits are one character.
  return /\$\{[^}]*\}|^\$[A-Za-z_]\w*(?:$|[/\\])|%(?![0-9A-F]{2})[A-Z_][A-Z0-9_()]*%|\{\{[^}]*\}\}/.test(given);
}

/** An absolute path; `~/` is the home folder, because MCP configs are read by no shell. */
export const path: Parser<string> = (given) =>
  given === '~' || given.startsWith('~/') ? join(homeFolder(), given.slice(1)) : resolve(given);

function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return refuse('an absolute path: this user has no home folder');
  }
}

/** Where a vault is. */
export type StoreOption =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string };

export const store: Parser<StoreOption> = (given) => {
  if (/^postgres(ql)?:\/\//.test(given) && URL.canParse(given)) return { kind: 'postgres', url: given };
  const [, file] = /^file:(.+)$/s.exec(given) ?? [];
  if (file === undefined) return refuse('file: and the path of the vault, or a URL that begins with postgres://');
  return { kind: 'file', path: path(file.startsWith('//') ? file.slice(2) : file) };
};

/** True for a URL with a password in it. */
export const hasPassword = (given: string): boolean => URL.canParse(given) && new URL(given).password !== '';

export const port: Parser<number> = (given) => {
  const number = Number(given);
  return /^\d{1,5}$/.test(given) && number >= 1 && number <= 65_535 ? number : refuse('a port from 1 to 65535');
};

/** How often something may happen. */
export const count: Parser<number> = (given) =>
  /^[1-9]\d{0,8}$/.test(given) ? Number(given) : refuse('a whole number above zero');

/** An IP address, or a range of them (CIDR, RFC 4632). */
const addressRange: Parser<string> = (given) => {
  const [address = '', bits, ...rest] = given.split('/');
  const family = isIP(address);
  const longest = family === 4 ? 32 : 128;
  const good = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest);
  return family !== 0 && good && rest.length === 0 ? given : refuse('IP addresses or ranges such as 10.0.0.0/8');
};

/** Smallest number of fixed bits of a range that is somebody's own. */
const minBits = 8;

/** Addresses that may say for whom they call. A range of half the world would let anybody be anybody. */
export const proxyRange: Parser<string> = (given) => {
  const [address = '', bits] = addressRange(given).split('/');
  // Of IPv4 within IPv6 (RFC 4291 §2.5.5.2) the first 96 bits are no address.
  const rule = `no range larger than /${minBits}: list the addresses of your own proxies, of IPv4 in its own form`;
  const mapped = address.includes(':') && /[.]|^[0:]*:ffff:/i.test(address);
  return bits !== undefined && (Number(bits) < minBits || mapped) ? refuse(rule) : given;
};

/** An address to listen on. */
export const host: Parser<string> = (given) =>
  isIP(given) !== 0 || given === 'localhost' ? given : refuse('an IP address or localhost');

/** Only one of these words. */
export const oneOf =
  <const T extends string>(...words: readonly T[]): Parser<T> =>
  (given) =>
    words.find((word) => word === given) ?? refuse(`one of ${words.join(', ')}`);

/** Any number of values, separated by commas or white space. */
export const list =
  <T>(parse: Parser<T>): Parser<readonly T[]> =>
  (given) =>
    given
      .split(/[\s,]+/)
      .filter((part) => part !== '')
      .map(parse);

/** What people of one tenant may share with another: by an offer, or between named tenants at once. */
export type ShareTenants = {
  readonly offers: boolean;
  readonly pairs: readonly { readonly from: string; readonly to: string }[];
};

/** `none`, or `offer` and pairs of tenants, `from>to`. */
export const shareTenants: Parser<ShareTenants> = (given) => {
  const words = list(text)(given);
  if (words.length === 1 && words[0] === 'none') return { offers: false, pairs: [] };
  const pairs = words
    .filter((word) => word !== 'offer')
    .map((word) => {
      const [, from, to] = /^([^>]+)>([^>]+)$/.exec(word) ?? [];
      if (from === undefined || to === undefined || from === to)
        return refuse('none, offer, or pairs of two tenants such as acme>globex');
      return { from, to };
    });
  return { offers: words.includes('offer'), pairs };
};

function url(given: string, rule: string): URL {
  const parsed = URL.canParse(given) ? new URL(given) : refuse(rule);
  const { protocol, hostname } = parsed;
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback(hostname))) refuse(rule);
  if (parsed.username !== '' || parsed.password !== '' || parsed.hash !== '') refuse(rule);
  return parsed;
}

/** An https origin (http on loopback); answered without a slash at the end. */
export const baseUrl: Parser<string> = (given) => {
  const rule = 'an https origin (http on loopback) without user, path, query and fragment';
  const parsed = url(given, rule);
  // Cookies with the `__Host-` prefix and the Host check belong to a whole origin.
  return parsed.search === '' && parsed.pathname === '/' ? parsed.origin : refuse(rule);
};

/** An https URL (http on loopback) without a fragment (RFC 6749 §3.1.2). */
export const redirectUri: Parser<string> = (given) =>
  url(given, 'https URLs (http on loopback) without user and fragment').href;

/** An https URL (http on loopback) without query and fragment (RFC 8414 §2), as given: issuers are compared as texts. */
export const issuer: Parser<string> = (given) => {
  const rule = 'an https URL (http on loopback) without user, query and fragment';
  return url(given, rule).search === '' ? given : refuse(rule);
};

/**
 * The address of a client's metadata document, which is its client id (draft-ietf-oauth-client-id-metadata-document §3):
 * https with a path, and written as a URL parser would write it, because servers compare texts.
 */
export const documentUrl: Parser<string> = (given) => {
  const rule = 'an https URL with a path, without user, query and fragment, such as https://example.com/keyward.json';
  const parsed = url(given, rule);
  const plain = parsed.protocol === 'https:' && parsed.search === '' && parsed.pathname !== '/';
  return plain && parsed.href === given ? given : refuse(rule);
};

/** `host`, `host:port`, `1.2.3.4:80`, `[::1]:80`. */
export const hostAndPort: Parser<string> = (given) => {
  const rule = 'hosts, each as host or host:port, an IPv6 address in brackets';
  const [, host, digits] = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d+))?$/.exec(given) ?? [];
  if (host === undefined || !URL.canParse(`http://${host}`)) return refuse(rule);
  const name = new URL(`http://${host}`).hostname;
  return digits === undefined ? name : `${name}:${port(digits)}`;
};

/** `host`, `host:port` or `*.domain`: every host below that domain, and not the domain itself. */
export const hostOrDomain: Parser<string> = (given) => {
  const [, domain] = /^\*\.([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)$/.exec(given) ?? [];
  return domain === undefined ? hostAndPort(given) : `*.${domain.toLowerCase()}`;
};
