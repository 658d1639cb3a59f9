/** How long a service asks to be left alone. */

/** Longest wait that is believed, in seconds. */
const longest = 86_400;

/** A date as HTTP writes it (RFC 9110 §5.6.7): all three forms begin with the name of a day. */
const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * The wait of a `Retry-After` header (RFC 9110 §10.2.3) in whole seconds, at least zero. Some services write decimals,
 * which round up. Null when there is none, or none that can be read: that is unknown, never zero.
 */
export function retryAfter(value: string | undefined): number | null {
  const text = value?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text));
  return httpDate.test(text) ? untilTime(Date.parse(text)) : null;
}

/**
 * The wait that an answer asks for in whole seconds: of `Retry-After`, else the longest of the headers that say when a
 * quota is filled again. Null when it says neither.
 */
export function waitOf(headers: ReadonlyMap<string, string>): number | null {
  const asked = retryAfter(headers.get('retry-after'));
  if (asked !== null) return asked;
  const resets = [...headers].flatMap(([name, value]) => (isReset(name) ? (resetIn(value) ?? []) : []));
  return resets.length === 0 ? null : Math.max(...resets);
}

/** `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers-07) and the names that services used before it. */
function isReset(name: string): boolean {
  return /^(x-)?rate-?limit-reset(-(requests|tokens|after))?$/.test(name);
}

/** Seconds from now, a time in seconds or milliseconds since 1970, a date, or a duration such as `6m0s`. */
function resetIn(value: string): number | null {
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) {
    const number = Number(text);
    if (number > 1e11) return untilTime(number);
    return number > 1e9 ? untilTime(number * 1_000) : bounded(number);
  }
  const duration = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(
    text,
  );
  if (duration === null)
    return httpDate.test(text) || /^\d{4}-\d\d-\d\dT/.test(text) ? untilTime(Date.parse(text)) : null;
  const [days, hours, minutes, seconds, milliseconds] = duration.slice(1).map((part) => Number(part ?? 0));
  return bounded(
    (days ?? 0) * 86_400 + (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0) + (milliseconds ?? 0) / 1_000,
  );
}

function untilTime(time: number): number | null {
  return Number.isNaN(time) ? null : bounded((time - Date.now()) / 1_000);
}

function bounded(seconds: number): number {
  return Math.min(Math.max(Math.ceil(seconds), 0), longest);
}
