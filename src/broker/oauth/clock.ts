/** A wrong clock makes good requests fail, and nothing else points at it. */

/** Minutes between two clocks that services commonly forgive. */
const forgivenMinutes = 5;

/** A `Date` header (RFC 9110 §6.6.1) in milliseconds since 1970; null when it is absent or unreadable. */
export function timeIn(value: string | undefined): number | null {
  const time = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(time) ? null : time;
}

/**
 * How far the clock of this computer is from a service's, as a sentence; null within what services forgive.
 *
 * @param serviceTime in milliseconds since 1970; null when the service did not say
 */
export function clockProblem(serviceTime: number | null): string | null {
  const minutes = serviceTime === null ? 0 : Math.round((Date.now() - serviceTime) / 60_000);
  if (Math.abs(minutes) <= forgivenMinutes) return null;
  const way = minutes > 0 ? 'ahead of' : 'behind';
  return `The clock of this computer is ${Math.abs(minutes)} minutes ${way} the service's: set it right first.`;
}
