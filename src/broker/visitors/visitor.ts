/** Who opened a page of an attempt, and whether that person may: nobody is let in by the link alone. */
import { createHash } from 'node:crypto';
import { KeywardError } from '../../errors.ts';
import type { Owner } from '../../principal.ts';
import type { Attempt } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { auditedRefusal } from '../policy/policy.ts';
import { equalInConstantTime } from './browser-binding.ts';

/**
 * The person who signed in to these pages; `unknown` when nobody did. `local` is whoever is at this computer: the pages
 * of stdio, which answer on loopback alone.
 */
export type Visitor = Owner | 'local' | 'unknown';

/** Where a form came from: the browser's cookie for what it is about, the form's own token, and who is there. */
export type Sender = { readonly browser: string | null; readonly csrf: string; readonly visitor: Visitor };

/** What of an attempt's row decides who may open it. */
type Opened = Pick<Attempt, 'id' | 'tenant' | 'owner' | 'connectorId' | 'startedBy' | 'browser'>;

/** True for an attempt that a backend started for one of its users: it vouches for whoever it gives the link to. */
function isVouched(attempt: Opened): boolean {
  return (attempt.startedBy ?? null) !== null;
}

/** True while no browser has claimed a vouched attempt. */
export function isUnclaimed(attempt: Opened): boolean {
  return isVouched(attempt) && (attempt.browser ?? null) === null;
}

/** What is stored of the browser that claimed a vouched attempt. */
export function browserMark(attemptId: string, browser: string): string {
  return createHash('sha256').update(`${attemptId}\u0000${browser}`).digest('hex');
}

/**
 * Returns when this visitor may see and finish the attempt. A vouched one belongs to the browser that claimed it, and
 * while there is none only {@link isUnclaimed} attempts may be offered for claiming.
 *
 * @throws KeywardError `unauthenticated` when somebody has to sign in first, `forbidden` for anybody else (audited)
 */
export async function admit(broker: Broker, attempt: Opened, visitor: Visitor, browser: string | null): Promise<void> {
  if (visitor === 'local') return;
  if (isVouched(attempt)) {
    if (isUnclaimed(attempt)) return;
    if (browser !== null && equalInConstantTime(browserMark(attempt.id, browser), attempt.browser ?? '')) return;
    throw await turnedAway(
      broker,
      attempt,
      visitor,
      new KeywardError('forbidden', 'Another browser opened this link already.', {
        hint: 'A link works in one browser only. Go back to the program that gave it to you and start again.',
      }),
    );
  }
  if (visitor === 'unknown') {
    throw new KeywardError('unauthenticated', 'Keyward has to know who you are first.', {
      hint: 'Sign in, then open the link once more.',
    });
  }
  if (visitor.tenant === attempt.tenant && visitor.user === attempt.owner) return;
  throw await turnedAway(
    broker,
    attempt,
    visitor,
    new KeywardError('forbidden', 'This link was made for somebody else.', {
      hint: 'If you did not ask an assistant for it yourself, close this page: whoever sent you the link may want to use your account. If it is yours, sign in as the person who asked.',
      details: { signIn: true },
    }),
  );
}

/** Notes the refusal under the visitor's own name, and for a browser without one under the attempt's. */
function turnedAway(broker: Broker, attempt: Opened, visitor: Owner | 'unknown', error: KeywardError) {
  const { tenant, user } = visitor === 'unknown' ? { tenant: attempt.tenant, user: attempt.owner } : visitor;
  const principal = { tenant, user, scopes: new Set<never>(), client: 'page' };
  return auditedRefusal(
    broker,
    principal,
    'attempt.read',
    { subject: attempt.id, connectorId: attempt.connectorId },
    error,
  );
}
