/** A tool that needs its owner's approval: brings the link to the owner, and waits for the answer while that makes sense. */
import { declineRequest, takeLink, waitForAnswer } from '../broker/approvals/link.ts';
import type { AskedRequest } from '../broker/approvals/refusals.ts';
import type { LinkAnswer, LinkRequired } from './links.ts';
import type { ToolCall } from './tools/tool.ts';

/** How long a call waits for a person. Clients give a request a minute by default; the answer has to be out before. */
export const waitSeconds = 50;

const message =
  'Keyward asks for your approval. Open the link to see what the assistant wants to do, and decide there. Go on only if you asked for it.';

/**
 * Answers `answered` once the owner has decided, what to return to the client for it to show the link, or `open`. The
 * first call shows the link: by URL elicitation, else in the owner's browser where Keyward runs at their computer. A
 * repeated one only waits. The link is never part of a result.
 */
export async function askOwner(
  call: ToolCall,
  { approvalId, askedAt }: AskedRequest,
): Promise<'answered' | 'open' | LinkRequired> {
  const { broker, principal, links, signal, onWait } = call;
  const begun = performance.now();
  let answer: LinkAnswer = links.state === approvalId ? links.answer : 'none';
  let seconds = waitSeconds;
  const url = await takeLink(broker, principal, approvalId, askedAt);
  if (url !== null) {
    const shown = links.offered ? await links.show({ url, message, state: approvalId }) : 'none';
    if (typeof shown !== 'string') return shown;
    answer = shown;
    // Nobody could be shown anything: the assistant has to tell the person, and can't while it waits.
    if (answer === 'none' && !(await broker.pages.showLocally?.(url))) seconds = 0;
  }
  if (answer === 'decline' || answer === 'cancel') throw await declineRequest(broker, principal, approvalId);
  const left = Math.max(0, seconds - Math.ceil((performance.now() - begun) / 1_000));
  const waited = await waitForAnswer(broker, principal, approvalId, left, { signal, onWait }, askedAt);
  return waited ? 'answered' : 'open';
}
