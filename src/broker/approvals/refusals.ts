/** What an assistant is told while its request waits, or is not heard. None of it holds a link: whoever reads it could open one. */
import { KeywardError } from '../../errors.ts';
import type { ApprovalAct } from '../../vault/vault.ts';
import type { Pages } from '../broker.ts';

const whatFor: Readonly<Record<ApprovalAct, string>> = {
  release: 'Raw secrets are handed out only with the owner’s approval, which has been asked for.',
  share: 'Sharing needs the owner’s approval, which has been asked for.',
  policy: 'Allowing more calls needs the owner’s approval, which has been asked for.',
  host: 'Reaching a host that a call names needs the owner’s approval, which has been asked for. Nothing was sent there.',
  reconnect: 'Changing what a connection stands for needs the owner’s approval, which has been asked for.',
  call: 'The owner of this connection wants to be asked before this is called, and has been asked. Nothing was sent.',
  delete: 'The owner of this connection wants to be asked before it is deleted, and has been asked. It is still there.',
  tools: 'Taking what is new or changed at a server as seen needs the owner’s approval, which has been asked for.',
};

/** Where the owner answers: at their own computer, or where they sign in. A command there would ask another user. */
function whereToAnswer({ showLocally }: Pages): string {
  return showLocally === null
    ? 'on the page of this Keyward, after signing in'
    : 'in the browser window that opened, or, where none did, with “keyward approvals” in a terminal';
}

/** The owner has been asked. */
export function waiting(pages: Pages, approvalId: string, askedAt: number, act: ApprovalAct): KeywardError {
  return new KeywardError('approval_required', whatFor[act], {
    hint: `Tell the person that Keyward asks for their approval: ${whereToAnswer(pages)}. Then make the same call again.`,
    details: { approvalId, askedAt },
  });
}

/** The owner, who is somebody else than the caller, has been asked: they are told nothing that would lead to the page. */
export function waitingForOther(act: ApprovalAct): KeywardError {
  return new KeywardError('approval_required', whatFor[act], {
    hint: 'Its owner answers on their own page of Keyward. Make the same call again once they said yes.',
  });
}

/** Another request about the same matter is open. */
export function busy(): KeywardError {
  return new KeywardError('approval_required', 'Another request about this connection waits for the owner.', {
    hint: 'Ask the person to answer that one first, then make the call again.',
  });
}

/** The owner has answered, and the answer was for one call. */
export function usedByAnother(): KeywardError {
  return new KeywardError('approval_required', 'The owner allowed another call that was made at the same moment.', {
    hint: 'Make the call again if it is still needed. The owner is asked anew.',
  });
}

export function tooMany(pages: Pages, max: number): KeywardError {
  const message = `The owner has not answered ${max} requests of the last ten minutes, and was not asked again.`;
  return new KeywardError('approval_required', message, {
    hint: `Ask the person to answer those that wait: ${whereToAnswer(pages)}. Else try again in ten minutes.`,
  });
}

/** @param until when the client may ask again, in milliseconds since 1970 */
export function saidNo(until: number, message = 'The owner said no.'): KeywardError {
  const minutes = Math.max(1, Math.ceil((until - Date.now()) / 60_000));
  return new KeywardError('approval_denied', message, {
    hint: `Don’t ask again unless the person wants it. Keyward will not ask them for another ${minutes === 1 ? 'minute' : `${minutes} minutes`}, and each further no makes that longer.`,
  });
}

export function never(): KeywardError {
  return new KeywardError('release_refused', 'This Keyward never hands out raw secrets.', {
    hint: 'The person who runs it set KEYWARD_RELEASE=never. Use verify_credential to check that the connection works.',
  });
}

/** A request that waits for its owner, and when it was asked for, in milliseconds since 1970. */
export type AskedRequest = { readonly approvalId: string; readonly askedAt: number };

/** The request that an error says the owner was asked for; undefined for any other error. */
export function approvalOf(error: unknown): AskedRequest | undefined {
  if (!(error instanceof KeywardError) || error.code !== 'approval_required') return undefined;
  const { approvalId, askedAt } = error.details;
  return approvalId === undefined || askedAt === undefined ? undefined : { approvalId, askedAt };
}
