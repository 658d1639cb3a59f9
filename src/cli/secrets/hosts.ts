/** What an address tells of a connection: `https://acme.atlassian.net` is the site `acme`. */
import type { AuthMethod } from '../../connectors/connector.ts';
import { urlParts, variablesIn } from '../../connectors/template.ts';

/** Longest name of a host (RFC 1035 §2.3.4), and somewhat more for a scheme and a path. */
const longestAddress = 400;

/** The inputs in the host of this service's API, as an address or a host name gives them; none for any other text. */
export function hostInputs({ api }: Pick<AuthMethod, 'api'>, address: string): Record<string, string> {
  const host = address.length > longestAddress ? null : hostOf(address);
  const authority = urlParts(api.baseUrl)?.authority ?? '';
  const [name, ...others] = variablesIn(authority);
  if (host === null || name === undefined || others.length > 0) return {};
  const [before = '', behind = ''] = authority.split(`{${name}}`);
  const fits = host.length > before.length + behind.length && host.startsWith(before) && host.endsWith(behind);
  return fits ? { [name]: host.slice(before.length, host.length - behind.length) } : {};
}

/** The host, with its port, of an address or a host name; null for any other text. */
export function hostOf(address: string): string | null {
  const url = /^https?:\/\//i.test(address) ? address : `https://${address}`;
  return /^[^\s@]+$/.test(address) && URL.canParse(url) ? new URL(url).host : null;
}
