/** Egress in the shape of `fetch`, for libraries that take one. */
import { KeywardError } from '../errors.ts';
import type { Egress, EgressWholeRequest } from './egress.ts';

/** What such a library passes: openid-client and jose send no other kinds of body or header. */
type FetchInit = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | URLSearchParams | null | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * A function that sends through `egress` and answers a web-standard Response. Redirects are never followed: neither a
 * token endpoint nor metadata has a reason to move while it is being asked.
 */
export function egressFetch(
  egress: Pick<Egress, 'request'>,
  options: Pick<EgressWholeRequest, 'hosts' | 'timeoutMs' | 'maxBytes' | 'signal'>,
): (url: string, init?: FetchInit) => Promise<Response> {
  return async (url, init = {}) => {
    const { body } = init;
    const response = await egress.request({
      ...options,
      url: new URL(url),
      method: init.method ?? 'GET',
      ...(init.headers ? { headers: init.headers } : {}),
      ...(body ? { body: body instanceof URLSearchParams ? body.toString() : body } : {}),
    });
    if (response.status < 200 || response.status > 599) {
      throw new KeywardError(
        'provider_garbled',
        `${response.url.host} answered with a status that HTTP does not have.`,
      );
    }
    const bodiless = [204, 205, 304].includes(response.status);
    return new Response(bodiless ? null : Buffer.from(response.body), {
      status: response.status,
      headers: [...response.headers],
    });
  };
}
