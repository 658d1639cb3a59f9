/** A form that came back from the page of an attempt: whether it is genuine, and writing what follows from it. */
import { hasCode, KeywardError } from '../../errors.ts';
import type { Attempt, AttemptSecret, VaultChange } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { csrfFor, equalInConstantTime } from '../visitors/browser-binding.ts';
import { answeredAlready, foreignForm } from '../visitors/form-errors.ts';
import { admit, isUnclaimed, type Sender } from '../visitors/visitor.ts';
import { openAttempt } from './page.ts';
import { stateOf } from './state.ts';

type Sent = { readonly attempt: Attempt; readonly secret: AttemptSecret; readonly browser: string };

/**
 * Opens the attempt of a form that was sent, whether it has ended or not. The form must come from this browser's page.
 *
 * @param claiming it is the form that binds a vouched attempt to this browser
 */
export async function openSent(
  broker: Broker,
  attemptId: string,
  { browser, csrf, visitor }: Sender,
  claiming = false,
): Promise<Sent> {
  const opened = await openAttempt(broker, attemptId);
  await admit(broker, opened.attempt, visitor, browser);
  const unclaimed = visitor !== 'local' && isUnclaimed(opened.attempt);
  if (
    unclaimed !== claiming ||
    browser === null ||
    !equalInConstantTime(csrf, csrfFor(attemptId, opened.secret.key, browser))
  ) {
    throw foreignForm();
  }
  return { ...opened, browser };
}

/** As {@link openSent}, for an attempt that must be pending. */
export async function openForm(broker: Broker, attemptId: string, sender: Sender, claiming = false): Promise<Sent> {
  const sent = await openSent(broker, attemptId, sender, claiming);
  const state = stateOf(sent.attempt);
  if (state === 'expired')
    throw new KeywardError('attempt_expired', 'This page has expired.', { hint: 'Reload it to start again.' });
  if (state !== 'pending' || sent.attempt.status !== 'pending') throw answeredAlready();
  return sent;
}

/** @throws KeywardError `attempt_used` when another form of the same attempt was first */
export async function commitForm(broker: Broker, changes: readonly VaultChange[]): Promise<void> {
  try {
    await broker.vault.commit(changes);
  } catch (error) {
    if (!hasCode(error, 'conflict')) throw error;
    throw sentTwice();
  }
}

/** Another form of the same attempt was first. */
export function sentTwice(): KeywardError {
  return new KeywardError('attempt_used', 'This form was sent twice.', {
    hint: 'Reload the page to see where it stands.',
  });
}
