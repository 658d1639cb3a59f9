/**
 * Looking for metadata in one place after another. What is not where it could be may be in the next place, whatever the
 * status; trouble counts only where no place has it.
 */
import { hasCode, KeywardError } from '../../errors.ts';
import type { EgressResponse } from '../../net/egress.ts';
import { retryAfter } from '../../net/retry-after.ts';
import type { Operation } from './context.ts';
import { serverUnavailable } from './failures.ts';
import { type Repeat, send } from './send.ts';

/** How long one place may take, in milliseconds: a silent one must leave time for the others. */
const placeMs = 8_000;
/** How many redirects of a place are followed; all within its origin. */
const maxRedirects = 3;

type Search<Found> = {
  readonly found: Found | null;
  /** What went wrong in the first place that could not be asked. */
  readonly trouble: KeywardError | null;
};

/**
 * The first that one of these places has.
 *
 * @param ask answers null where a place has nothing
 * @throws what is more than trouble, such as `provider_garbled` where a place speaks of somebody else
 */
export async function searchIn<Place, Found>(
  places: Iterable<Place>,
  ask: (place: Place) => Promise<Found | null>,
): Promise<Search<Found>> {
  let trouble: KeywardError | null = null;
  for (const place of places) {
    try {
      const found = await ask(place);
      if (found !== null) return { found, trouble };
    } catch (error) {
      if (!isTrouble(error)) throw error;
      trouble ??= error;
    }
  }
  return { found: null, trouble };
}

function isTrouble(error: unknown): error is KeywardError {
  return hasCode(error, 'provider_unavailable');
}

/** A request to a place. */
type PlaceRequest = { readonly url: URL; readonly method?: string; readonly body?: string };

/**
 * What a place answers, with redirects within its origin followed: a server that adds a slash is no other server.
 *
 * @param name what people know the place as; its address may hold what nobody else should see
 * @throws KeywardError `provider_unavailable` for a server in trouble
 */
export async function askPlace(
  operation: Operation,
  name: string,
  { url, method = 'GET', body }: PlaceRequest,
  repeat: Repeat = 'repeatable',
): Promise<EgressResponse> {
  const limited = { ...operation, until: Math.min(operation.until, performance.now() + placeMs) };
  const headers = {
    accept: method === 'GET' ? 'application/json' : 'application/json, text/event-stream',
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  try {
    for (let at = url, hops = 0; ; hops += 1) {
      const request = { url: at, method, headers, ...(body !== undefined && { body }) };
      const response = await send(limited, request, repeat);
      const next = hops < maxRedirects ? redirectOf(response, at) : null;
      if (next === null) return troubled(operation, name, response);
      at = next;
    }
  } catch (error) {
    const status = error instanceof KeywardError ? error.details.status : undefined;
    if (status === undefined) operation.asked?.(name, 'no answer');
    throw error;
  }
}

/** Where a redirect within the origin leads; null for any other answer. */
function redirectOf({ status, headers }: EgressResponse, from: URL): URL | null {
  const location = headers.get('location');
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return null;
  if (!URL.canParse(location, from.href)) return null;
  const next = new URL(location, from);
  return next.origin === from.origin && next.href !== from.href ? next : null;
}

function troubled(operation: Operation, name: string, response: EgressResponse): EgressResponse {
  const { status, headers } = response;
  operation.asked?.(name, `${status}`);
  if (status !== 429 && status < 500) return response;
  const retryAfterSeconds = retryAfter(headers.get('retry-after'));
  throw serverUnavailable(operation, status, { retryAfterSeconds, ambiguous: false });
}
