/** undici's connections with Keyward's address rules built in. */
import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import type { Dispatcher } from 'undici';
import type { HostRule, ProxyOption } from '../../hosts.ts';
import { goesThrough, openTunnel } from './proxy.ts';
import { mayConnect, notPublic } from './target.ts';
import { workAround } from './undici-workarounds.ts';

export type ResolvedAddress = { readonly address: string; readonly family: number };

/** Resolves a host name to every address it has. */
type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

export const systemResolve: Resolve = (host) => systemLookup(host, { all: true, verbatim: true });

const connectTimeoutMs = 10_000;

/** A request, with what is called when it starts to be written. */
export type Observed = Dispatcher.DispatchOptions & { readonly onSent: () => void };

/** Connections to services, kept for the next request of the same origin. */
export type Connections = {
  request(options: Dispatcher.RequestOptions & Observed): Promise<Dispatcher.ResponseData>;
  /** On a connection of its own: a kept one may have ended meanwhile. */
  requestOnFresh(options: Dispatcher.RequestOptions & Observed): Promise<Dispatcher.ResponseData>;
  /** Waits for what is under way. */
  close(): Promise<void>;
};

/**
 * Agents of undici that resolve each name themselves, refuse it unless every address may be connected to, connect to
 * exactly those addresses, and look at the socket's address once more. Through a proxy only the name is checked: the proxy
 * resolves it, and its address is the socket's.
 */
export async function openConnections(
  { allow, proxy }: { readonly allow: readonly HostRule[]; readonly proxy: ProxyOption | null },
  resolve: Resolve,
): Promise<Connections> {
  // Its default export is the module itself, which is also all that a bundle keeps of a CommonJS module.
  const { Agent, Pool, buildConnector } = (await import('undici')).default;
  const createAgent = (kept: { pipelining?: 0 }): Dispatcher =>
    new Agent({
      factory: (origin, options) => {
        const url = new URL(origin);
        const through = goesThrough(proxy, url, allow) ? proxy : null;
        const connect = buildConnector({
          timeout: connectTimeoutMs,
          lookup: guardedLookup(url, allow, resolve),
          // NODE_TLS_REJECT_UNAUTHORIZED is often set for some other program. NODE_EXTRA_CA_CERTS is the way to trust more.
          rejectUnauthorized: true,
        });
        return new Pool(url, {
          ...options,
          ...kept,
          connect: (target, callback) => {
            if (through !== null) {
              return openTunnel(through, url, connectTimeoutMs, (error, httpSocket) =>
                error || httpSocket === null
                  ? callback(error ?? new Error('No connection.'), null)
                  : connect({ ...target, httpSocket }, (...[failed, socket]) => {
                      if (failed) return callback(failed, null);
                      workAround(socket);
                      return callback(null, socket);
                    }),
              );
            }
            return connect(target, (...[error, socket]) => {
              if (error) return callback(error, null);
              if (!socket.remoteAddress || !mayConnect(url, socket.remoteAddress, allow)) {
                socket.destroy();
                return callback(notPublic(url, socket.remoteAddress ?? ''), null);
              }
              workAround(socket);
              return callback(null, socket);
            });
          },
        });
      },
      // undici hands on whatever else stands in the options of a request.
    }).compose((dispatch) => (options, handler) => dispatch(options, noting(handler, options as Partial<Observed>)));
  const kept = createAgent({});
  let single: Dispatcher | undefined;
  return {
    request: (options) => kept.request(options),
    requestOnFresh(options) {
      // Without pipelining undici keeps no connection.
      single ??= createAgent({ pipelining: 0 });
      return single.request(options);
    },
    async close() {
      await Promise.all([kept.close(), single?.close()]);
    },
  };
}

/**
 * Passes everything on, and calls `onSent` when the request starts to be written: before that, nothing can have taken
 * effect.
 */
function noting(handler: Dispatcher.DispatchHandler, { onSent }: Partial<Observed>): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller, context) {
      onSent?.();
      handler.onRequestStart?.(controller, context);
    },
    onResponseStart: (...response) => handler.onResponseStart?.(...response),
    onResponseData: (...data) => handler.onResponseData?.(...data),
    onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
    onResponseError: (...failure) => handler.onResponseError?.(...failure),
  };
}

/** A `lookup` for node:net: all answers or none. */
function guardedLookup(url: URL, allow: readonly HostRule[], resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname)
      .then((addresses) => {
        const [first] = addresses;
        if (!first) throw Object.assign(new Error('No address.'), { code: 'ENOTFOUND' });
        const refused = addresses.find(({ address }) => !mayConnect(url, address, allow));
        if (refused) throw notPublic(url, refused.address);
        return { all: [...addresses], first };
      })
      .then(
        ({ all, first }) => (options.all ? callback(null, all) : callback(null, first.address, first.family)),
        (error: NodeJS.ErrnoException) => callback(error, options.all ? [] : ''),
      );
  };
}
