/** What happened to a person: their own acts, and what others of their tenant did with their connections. */
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { AuditEntry } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { decodeCursor, encodeCursor } from '../input/paging.ts';
import { idIn } from '../input/text.ts';
import { authorize } from '../policy/policy.ts';

/** Which entries are wanted; what is left out limits nothing. */
export type ActivityFilter = {
  /** Id of a connection. */
  readonly connection?: string | undefined;
  /** What the name of the program holds, whatever its case. */
  readonly program?: string | undefined;
  readonly action?: string | undefined;
  readonly outcome?: string | undefined;
  /** A day of UTC, such as 2026-11-30. */
  readonly day?: string | undefined;
};

export type Activity = {
  readonly events: readonly AuditEntry[];
  /** Where the next page begins; left out where the log has nothing more. */
  readonly nextCursor?: string;
  /** How far this page looked: the time of the last entry that it saw, whosever that was; null for none. */
  readonly lookedTo: string | null;
  /** True for a person with so many connections that what others did is found for one of them at a time only. */
  readonly ownActsOnly: boolean;
};

/** As many entries as a page has. */
export const activityPage = 50;
/** Most entries that one page looks through, whosever they are. */
const maxLooked = 10_000;
/** Of so many connections it is known whose they are without a look for each. */
const maxOwn = 1_000;
/** Clocks of several machines differ; further back than this before a day, nothing of that day follows. */
const clocksMs = 3_600_000;

/**
 * The newest entries first. A page looks so far and no further: where others wrote much, or little suits the filter, it
 * holds less than a page has, or nothing, and still says where to go on.
 *
 * @throws KeywardError `invalid_input` for a day or a cursor that is none, `not_found` for somebody else's connection
 */
export async function readActivity(
  broker: Broker,
  principal: Principal,
  { cursor, ...filter }: ActivityFilter & { readonly cursor?: string | undefined },
): Promise<Activity> {
  await authorize(broker, principal, 'audit.read');
  const own = await ownConnections(broker, principal, filter.connection);
  const wanted = matcher(principal, filter, own.has);
  const earliest = filter.day === undefined ? null : startOf(filter.day) - clocksMs;
  const [start] = cursor === undefined ? [null] : decodeCursor(cursor, [0]);
  const events: AuditEntry[] = [];
  let looked = 0;
  let lookedTo: string | null = null;
  const told = (more?: number): Activity => ({
    events,
    ...(more !== undefined && { nextCursor: encodeCursor([more]) }),
    lookedTo,
    ownActsOnly: own.tooMany,
  });
  for await (const { entry, at, next } of broker.vault.readAuditBack(start)) {
    if (earliest !== null && Date.parse(entry.time) < earliest) return told();
    if (wanted(entry)) {
      // One entry more than a page has tells that there is a next page, which begins with it.
      if (events.length === activityPage) return told(next);
      events.push(entry);
    }
    looked += 1;
    lookedTo = entry.time;
    if (looked === maxLooked && at > 0) return told(at);
  }
  return told();
}

type Own = { readonly has: (id: string) => boolean; readonly tooMany: boolean };

/** Which connections are this person's, as far as that matters to the filter. */
async function ownConnections({ vault }: Broker, principal: Principal, wanted: string | undefined): Promise<Own> {
  if (wanted !== undefined) {
    const id = idIn(wanted);
    const found = id === null ? undefined : await vault.get('credential', principal, id);
    if (found !== undefined) return { has: (subject) => subject === found.id, tooMany: false };
    throw new KeywardError('not_found', 'You have no such connection.', {
      hint: 'It may have been deleted. Leave it out to see what happened to all of them.',
    });
  }
  const own = await vault.list('credential', principal, {}, { limit: maxOwn + 1 });
  const ids = new Set(own.map(({ id }) => id));
  const tooMany = own.length > maxOwn;
  return { has: (id) => !tooMany && ids.has(id), tooMany };
}

function matcher({ tenant, user }: Principal, filter: ActivityFilter, isOwn: Own['has']) {
  const { connection, action, outcome, day } = filter;
  const program = filter.program?.toLowerCase();
  return (entry: AuditEntry): boolean => {
    const { subject = '' } = entry;
    // Of other tenants, what was done with a connection; that a stranger only tried says nothing of it.
    const near = entry.tenant === tenant;
    const isAbout = isOwn(subject) && (near || entry.outcome !== 'refused');
    if (!isAbout && (connection !== undefined || !near || !isActOf(entry, user))) return false;
    if (program !== undefined && !entry.client?.toLowerCase().includes(program)) return false;
    if (action !== undefined && entry.action !== action) return false;
    if (outcome !== undefined && entry.outcome !== outcome) return false;
    return day === undefined || entry.time.startsWith(day);
  };
}

function isActOf({ user, onBehalfOf }: AuditEntry, person: string): boolean {
  return user === person || onBehalfOf === person;
}

function startOf(day: string): number {
  const start = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(start)) return start;
  throw new KeywardError('invalid_input', 'day is no day.', {
    hint: 'Write it as 2026-11-30.',
    details: { fields: { day: 'must be a day such as 2026-11-30' } },
  });
}
