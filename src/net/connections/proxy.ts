/** The way out through a proxy of the network, by `CONNECT` (RFC 9110 §9.3.6): the connection inside is TLS end to end. */
import http from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import { KeywardError } from '../../errors.ts';
import { type HostRule, isListed, type ProxyOption, portOf } from '../../hosts.ts';
import { egressRefused } from './target.ts';

/**
 * Whether a service is reached through the proxy. Hosts that the operator allowed on private addresses, and plain http, go
 * without one. The proxy resolves the name, so it never learns names that stand for something within a network.
 *
 * @throws KeywardError `egress_refused` for such a name
 */
export function goesThrough(proxy: ProxyOption | null, url: URL, allow: readonly HostRule[]): boolean {
  if (proxy === null || url.protocol !== 'https:' || isListed(url, allow)) return false;
  if (proxy.except.some((entry) => isExcepted(url, entry))) return false;
  if (!isInner(url.hostname)) return true;
  const setting = `KEYWARD_EGRESS_ALLOW=${url.hostname}:${portOf(url)}`;
  throw egressRefused(
    `${url.hostname} is a name of an inner network, which Keyward does not ask a proxy for.`,
    `If this service is yours, set ${setting}. It is then reached without the proxy.`,
  );
}

function isExcepted(url: URL, entry: string): boolean {
  if (entry === '*') return true;
  const [, name = '', port] = /^\*?\.?(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
  if (name === '' || (port !== undefined && Number(port) !== portOf(url))) return false;
  return url.hostname === name || url.hostname.endsWith(`.${name}`);
}

/** RFC 6761, RFC 6762 §3, RFC 8375, ICANN's `.internal`; and a name without a dot, which a search list completes. */
function isInner(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  return (
    (!name.includes('.') && !name.startsWith('[')) || /\.(localhost|local|internal|home\.arpa|lan|intranet)$/.test(name)
  );
}

/** Opens a way to the service; `done` is called once, with a socket that reaches it. */
export function openTunnel(
  { url }: ProxyOption,
  target: URL,
  timeoutMs: number,
  done: (error: Error | null, socket: Socket | null) => void,
): void {
  const proxy = new URL(url);
  const authority = `${target.hostname}:${portOf(target)}`;
  const [user, password] = [proxy.username, proxy.password].map(decodeURIComponent);
  const login = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const request = (proxy.protocol === 'https:' ? https : http).request({
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: portOf(proxy),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...(proxy.username !== '' && { 'proxy-authorization': login }) },
    agent: false,
    timeout: timeoutMs,
  });
  request.once('connect', ({ statusCode = 0 }, socket, head) => {
    socket.setTimeout(0);
    // A server of TLS waits for its client: whatever speaks first is none.
    if (statusCode >= 200 && statusCode < 300 && head.length === 0) return done(null, socket);
    socket.destroy();
    done(notLet(proxy, target, statusCode), null);
  });
  request.once('timeout', () => request.destroy(new Error('No answer.')));
  request.once('error', () => done(notLet(proxy, target, null), null));
  request.end();
}

/** Time for a proxy of one's own network to take a connection. */
const answerMs = 5_000;

/** Whether something takes connections where the proxy should be. */
export function proxyAnswers(url: string): Promise<boolean> {
  const proxy = new URL(url);
  return new Promise((resolve) => {
    const socket = net.connect({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: portOf(proxy),
      timeout: answerMs,
    });
    const end = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

function notLet(proxy: URL, { host }: URL, status: number | null): KeywardError {
  const named = `The proxy ${proxy.host} (HTTPS_PROXY)`;
  const message =
    status === null
      ? `${named} did not answer.`
      : `${named} did not let Keyward through to ${host} (status ${status}).`;
  const login =
    'It wants a user name and a password: put them into HTTPS_PROXY, as in http://user:password@proxy:3128.';
  const other = `Ask whoever runs the proxy. If ${host} is reached without it, put that host into NO_PROXY.`;
  return new KeywardError('provider_unavailable', message, {
    hint: status === 407 ? login : other,
    details: { ambiguous: false },
  });
}
