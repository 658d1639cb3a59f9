/** What a person reads when a program asked for something that can't be, and there is no safe way to send them back. */
import { errorPage, type Html } from '../pages/page.ts';

const reasons: Readonly<Record<string, { readonly title: string; readonly message: string; readonly hint: string }>> = {
  invalid_client: {
    title: 'Keyward does not know this program',
    message: 'The program that sent you here is not registered with this Keyward, or is not any more.',
    hint: 'Go back to the program, remove this server there and add it again.',
  },
  document_unread: {
    title: 'Keyward can’t find out who this program is',
    message:
      'The program that sent you here names itself by a page on the Internet, and Keyward could not read that page.',
    hint: 'Try again in a few minutes. If it stays so, ask whoever runs this Keyward: it may not be allowed to reach that page.',
  },
  invalid_client_metadata: {
    title: 'Keyward can’t read who this program is',
    message: 'The program that sent you here describes itself in a way that can’t be right.',
    hint: 'Tell whoever makes the program.',
  },
  invalid_redirect_uri: {
    title: 'This link leads somewhere else',
    message: 'The program that sent you here would have you sent to an address that it did not register.',
    hint: 'Somebody may have changed the link. Start again in the program itself.',
  },
  session_not_found: {
    title: 'That came too late',
    message: 'This request was answered already, or waited for too long, or began in another browser.',
    hint: 'Go back to the program and connect once more, all the way in one browser. Cookies have to be allowed for it.',
  },
};

/**
 * @param error code of OAuth; `description` is not shown: it may hold what a stranger sent
 * @param clientId what the program is named by; one that is the address of a document is unknown where that was not read
 */
export function failurePage(error: string, clientId?: unknown): Html {
  const isDocument = error === 'invalid_client' && typeof clientId === 'string' && clientId.startsWith('https://');
  const { title, message, hint } = reasons[isDocument ? 'document_unread' : error] ?? {
    title: 'That did not work',
    message: 'The program that sent you here asked in a way that Keyward does not understand.',
    hint: 'Go back to the program and connect once more. If it happens every time, tell whoever makes the program.',
  };
  return errorPage(title, { message, hint });
}
