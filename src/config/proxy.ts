/** The proxy of the network, in the variables that most programs read. */
import type { ProxyOption } from '../hosts.ts';
import { hasPlaceholder, placeholderProblem } from './values.ts';

/** The small letters win, as in curl. */
const [proxyNames, exceptionNames] = [
  ['https_proxy', 'HTTPS_PROXY'],
  ['no_proxy', 'NO_PROXY'],
] as const;

/** The proxy in this environment, null without one; notes in `problems`, by variable, what is wrong with it. */
export function readProxy(env: NodeJS.ProcessEnv, problems: Record<string, string>): ProxyOption | null {
  const name = proxyNames.find((one) => env[one]);
  if (name === undefined) return null;
  const text = env[name] ?? '';
  const url = withScheme(text);
  if (hasPlaceholder(text)) problems[name] = placeholderProblem;
  else if (!isUsable(url)) {
    problems[name] = 'must be the URL of an http or https proxy, such as http://proxy.example:3128';
  }
  const except = env[exceptionNames.find((one) => env[one]) ?? ''] ?? '';
  return { url, except: except.split(/[\s,]+/).filter((entry) => entry !== '') };
}

/** curl takes a proxy without its scheme for one of http. */
function withScheme(text: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
}

/** A proxy of a kind that Keyward speaks with, whose user name and password are text (RFC 3986 §2.1). */
function isUsable(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  try {
    decodeURIComponent(username + password);
    return ['http:', 'https:'].includes(protocol);
  } catch {
    return false;
  }
}

/** The proxy's variable where it holds a password. */
export function proxyVariableWithPassword(env: NodeJS.ProcessEnv): string[] {
  return proxyNames.filter((name) => {
    const url = withScheme(env[name] ?? '');
    return URL.canParse(url) && new URL(url).password !== '';
  });
}
