/** What is wrong with a form of Keyward's pages as such, whatever it asks for. */
import { KeywardError } from '../../errors.ts';

/** The form was not sent from its own page in this very browser: another site could have sent it. */
export function foreignForm(): KeywardError {
  return new KeywardError('forbidden', 'This form was not sent from its own page.', {
    hint: 'Go back to the page, reload it and try again. Cookies have to be allowed for it.',
  });
}

/** What the form asks for has its answer. */
export function answeredAlready(): KeywardError {
  return new KeywardError('attempt_used', 'This has been answered already.', { hint: 'You can close the page.' });
}
