/** How much one owner may keep. A change that would make it more is refused in the commit itself, however many race. */
import { KeywardError } from '../errors.ts';

/** For one owner, the rows of one kind. */
export type Quota = {
  readonly rows: number;
  /** So many of them may be open at once: wait for somebody, or be good still. */
  readonly open?: number;
  /** What they take together, in bytes: sealed secret and metadata. */
  readonly bytes?: number;
};

/** Of a change: that it is refused where the owner would have more than that. */
export type Within = { readonly within?: Quota };

/** What the owner has, besides the row in question. */
export type Held = { readonly rows: number; readonly open: number; readonly bytes: number };

/** As much of a row as quotas look at. */
type Kept = {
  readonly row: { readonly sealed: string; readonly status?: string; readonly expiresAt?: number | null };
};

/** Statuses of what waits for somebody; a kind without a status is open until it ends. */
export const openStatuses: readonly string[] = ['pending', 'exchanging'];

/** Whether this row counts as open at this time. */
export function isOpen({ row: { status, expiresAt } }: Kept, now: number): boolean {
  if (status !== undefined && !openStatuses.includes(status)) return false;
  return expiresAt === undefined || expiresAt === null || expiresAt > now;
}

/** Rows are never changed in place, and all that an owner has is counted for each new one. */
const sizes = new WeakMap<Kept['row'], number>();

/** What a row takes, roughly: what the stores add to it is the same for all. */
export function sizeOf({ row }: Kept): number {
  const known = sizes.get(row);
  if (known !== undefined) return known;
  const size = row.sealed.length + JSON.stringify(row).length - JSON.stringify(row.sealed).length;
  sizes.set(row, size);
  return size;
}

/** Throws `limit_reached` when there is no room for one row more. */
export function requireRoom(
  kind: keyof typeof names,
  { rows, open, bytes }: Quota,
  held: Held,
  next: { readonly open: boolean; readonly bytes: number },
): void {
  if (held.rows >= rows) throw limitReached(kind, `${rows} ${names[kind].many}`);
  if (next.open && open !== undefined && held.open >= open) {
    throw limitReached(kind, `${open} ${names[kind].open}`);
  }
  if (bytes !== undefined && held.bytes + next.bytes > bytes) {
    throw limitReached(kind, `${names[kind].many} of ${Math.floor(bytes / 1024)} KB`);
  }
}

/** What each kind is called, and what makes room. */
const names = {
  credential: {
    many: 'credentials',
    open: 'credentials',
    hint: 'Delete some that are no longer needed. Whoever runs Keyward can raise KEYWARD_MAX_CREDENTIALS.',
  },
  replacedSecret: {
    many: 'replaced secrets',
    open: 'replaced secrets',
    hint: 'Wait a day: the oldest are swept away then.',
  },
  seenTools: {
    many: 'lists of tools',
    open: 'lists of tools',
    hint: 'Delete connections to MCP servers that are no longer needed.',
  },
  authConfig: {
    many: 'auth configs',
    open: 'auth configs',
    hint: 'Delete some that no connection uses any more.',
  },
  attempt: {
    many: 'attempts of the last hour',
    open: 'attempts that wait for a person',
    hint: 'Finish or cancel one of them on its page, or wait: each ends by itself, within an hour.',
  },
  session: { many: 'session tokens', open: 'session tokens', hint: 'Revoke some that are no longer needed.' },
  signInCode: {
    many: 'sign-in codes',
    open: 'sign-in codes',
    hint: 'Use one of them, or wait until they end.',
  },
  assistant: { many: 'assistants', open: 'assistants', hint: 'End one of them on your page of Keyward.' },
  recentAssistant: {
    many: 'programs that were let in within an hour',
    open: 'programs that were let in within an hour',
    hint: 'Wait an hour, then let this one in.',
  },
  registration: {
    many: 'registered programs',
    open: 'registered programs',
    hint: 'Try again in a few minutes: those that nobody uses are forgotten.',
  },
  authorization: {
    many: 'programs that wait to be let in',
    open: 'programs that wait to be let in',
    hint: 'Try again in a few minutes.',
  },
  visit: { many: 'browsers', open: 'browsers', hint: 'Sign out in one of them, then sign in again.' },
  passkey: { many: 'passkeys', open: 'passkeys', hint: 'Remove one that is no longer needed.' },
  usedChallenge: {
    many: 'uses of passkeys within an hour',
    open: 'uses of passkeys within an hour',
    hint: 'Wait an hour, or sign in with a code.',
  },
  approval: {
    many: 'requests for approval',
    open: 'requests that wait for approval',
    hint: 'Ask the owner to answer them first.',
  },
} as const;

function limitReached(kind: keyof typeof names, held: string): KeywardError {
  return new KeywardError('limit_reached', `There are ${held} already, which is as many as one user may have.`, {
    hint: names[kind].hint,
  });
}
