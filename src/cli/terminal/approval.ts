/**
 * A command that needs its owner's approval. The owner answers on Keyward's own page, or, where no browser is, at the
 * terminal; never on stdin, which belongs to whatever program started the command.
 */
import { takeLink, waitForAnswer } from '../../broker/approvals/link.ts';
import { decide, openApprovals } from '../../broker/approvals/page.ts';
import { type AskedRequest, approvalOf } from '../../broker/approvals/refusals.ts';
import type { Broker } from '../../broker/broker.ts';
import { KeywardError, toPublic } from '../../errors.ts';
import { localPrincipal, type Principal } from '../../principal.ts';
import { approvalText, askDecision } from './approval-text.ts';
import { findTerminal } from './terminal.ts';

/** As long as a request waits for its owner. */
const waitSeconds = 600;

/** Does this work; where the owner has to agree first, asks them, and does it again once they did. */
export async function withApproval<T>(broker: Broker, principal: Principal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const request = approvalOf(error);
      if (request === undefined) throw error;
      if (!(await isAnswered(broker, principal, request))) throw unanswered(error);
    }
  }
}

/** True once the owner decided, whatever it was. */
async function isAnswered(broker: Broker, principal: Principal, request: AskedRequest): Promise<boolean> {
  const { approvalId, askedAt } = request;
  // The page knows the person at this computer alone.
  const local = principal.tenant === localPrincipal.tenant && principal.user === localPrincipal.user;
  const url = local ? await takeLink(broker, principal, approvalId, askedAt) : null;
  if (url !== null && (await broker.pages.showLocally?.(url))) {
    process.stderr.write('Keyward asks for your approval in the browser window that opened.\n');
    return waitForAnswer(broker, principal, approvalId, waitSeconds, {}, askedAt);
  }
  return askAtTerminal(broker, principal, approvalId);
}

async function askAtTerminal(broker: Broker, principal: Principal, approvalId: string): Promise<boolean> {
  const terminal = findTerminal();
  if (terminal === null) return false;
  const view = (await openApprovals(broker, principal)).find((one) => one.approvalId === approvalId);
  if (view === undefined) return true;
  terminal.say(`${approvalText(view)}\n`);
  const decision = await askDecision(view, (prompt) => terminal.ask(prompt));
  if (decision === null) return false;
  await decide(broker, { ...principal, client: 'keyward command line' }, approvalId, decision);
  return true;
}

/** What the person is told who ran the command; the error itself speaks to an assistant. */
function unanswered(error: unknown): KeywardError {
  return new KeywardError('approval_required', toPublic(error).message, {
    hint: 'Nobody could be asked here: run “keyward approvals” in a terminal to answer, then run this again.',
  });
}
