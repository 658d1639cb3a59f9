/**
 * The pages of a stdio session: served by the process itself, on loopback only, and only while an attempt that it
 * started is pending, or a request for approval.
 *
 * Forms, results and approvals are on a port of the process's own. The callback is on the fixed port that OAuth clients are
 * registered with, shared by every Keyward of the same vault: see callback-port.ts. The cookie that binds an attempt to
 * a browser belongs to a host name, whatever the port, so a page is opened under the name that its callback uses; both
 * listeners answer to every name of loopback and hold IPv4 and IPv6, since a browser may try either for `localhost`.
 *
 * `KEYWARD_PUBLIC_URL` may name the callback differently:
 *
 * - `http://localhost:7355`, for services that refuse addresses.
 * - `https://…`, a tunnel to the fixed port, for services that insist on https: only the redirect URI goes through it.
 *   What arrives there is sent on to the callback on loopback, where the browser has its cookie. Forms and results
 *   never leave the computer, and the browser has to be on the same computer as Keyward. Every Keyward that shares the
 *   port needs the same setting.
 *
 * Nothing of the HTTP side is loaded before the first of them is opened.
 */
import type { Pages } from '../../broker/broker.ts';
import { hostInUrl } from '../../hosts.ts';
import type { LoopbackOptions, LoopbackServer } from './loopback-server.ts';

type LoopbackPages = Pages & {
  /** Stops serving at once. */
  close(): Promise<void>;
};

export function createLoopbackPages(options: LoopbackOptions): LoopbackPages {
  let server: Promise<LoopbackServer> | undefined;
  const loaded = (): Promise<LoopbackServer> => {
    server ??= import('./loopback-server.ts').then(({ createLoopbackServer }) => createLoopbackServer(options));
    return server;
  };
  return {
    callbackOrigin: callbackOriginOf(options),
    open: async (attemptId, callback) => (await loaded()).open(attemptId, callback),
    openApprovals: async (until) => (await loaded()).openApprovals(until),
    showLocally: async (url) => (await loaded()).show(url),
    close: async () => {
      await (await server)?.close();
      server = undefined;
    },
  };
}

/** Origin that OAuth clients register for the callback. */
export function callbackOriginOf({
  host,
  port,
  publicUrl,
}: Pick<LoopbackOptions, 'host' | 'port' | 'publicUrl'>): string {
  return publicUrl ?? `http://${hostInUrl(host)}:${port}`;
}
