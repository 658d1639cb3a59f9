/**
 * `keyward approvals`: what waits for the owner's approval, and the answer where there is no browser. It also lists what
 * was connected again, which `keyward revert` undoes.
 */

import { read } from 'read';
import { decide, openApprovals } from '../../broker/approvals/page.ts';
import type { Broker } from '../../broker/broker.ts';
import { listReconnected, type Reconnected, revertReconnect } from '../../broker/credentials/replaced.ts';
import { isoTime } from '../../broker/credentials/view.ts';
import { KeywardError, toPublic } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import { quoted } from '../../text.ts';
import type { Run } from '../command.ts';
import { openKeyward } from '../keyward.ts';
import { approvalText, askDecision } from '../terminal/approval-text.ts';
import { plain } from '../terminal/table.ts';
import { withBroker } from '../with-store.ts';

/** Who answers, for the audit log. */
const principal = { ...localPrincipal, client: 'keyward command line' };

/**
 * Shows each request and asks for an answer. Without a terminal it only shows them: an assistant that can run commands
 * must not answer its own requests by one.
 */
export const approvals: Run = async ({ config, log }) => {
  const keyward = await openKeyward(config, log);
  try {
    const terminal = process.stdin.isTTY && process.stdout.isTTY;
    const ask = (prompt: string) => read({ prompt, input: process.stdin, output: process.stdout });
    await answerAll(keyward.broker, terminal ? ask : null, (text) => void process.stdout.write(text));
  } finally {
    await keyward.close();
  }
  return 0;
};

/** Goes through what is open; `ask` puts a question to the person, null when nobody can answer. */
export async function answerAll(
  broker: Broker,
  ask: ((prompt: string) => Promise<string>) | null,
  say: (text: string) => void,
): Promise<void> {
  const open = await openApprovals(broker, principal);
  if (open.length === 0) {
    say('Nothing that was asked over stdio waits. Requests to keyward http wait at its address, under /approvals.\n');
  }
  for (const view of open) {
    say(`${approvalText(view)}\n`);
    if (ask === null) continue;
    const decision = await askDecision(view, ask);
    if (decision === null) continue;
    try {
      await decide(broker, principal, view.approvalId, decision);
      say('Done.\n');
    } catch (error) {
      if (!(error instanceof KeywardError)) throw error;
      // Answered in a browser meanwhile, or expired: the next one can still be answered.
      say(`${toPublic(error).message}\n`);
    }
  }
  if (open.length > 0 && ask === null) say('Run keyward approvals in a terminal to answer.\n');
  for (const again of await listReconnected(broker, principal)) say(`${plain(undoInText(again))}\n`);
}

function undoInText({ credentialId, client, account, at, until }: Reconnected): string {
  const by = client === null ? 'an assistant' : quoted(client);
  const before = account === null ? '' : `, until then ${account}`;
  return `Connected again by ${by} at ${isoTime(at)}${before}. Until ${isoTime(until)} this brings back what it had: keyward revert ${credentialId}`;
}

/** Brings back the secret that connecting again replaced, within a day. */
export const revert: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    const [credentialId = ''] = invocation.words;
    await revertReconnect(broker, principal, { credentialId });
    process.stdout.write('Done: the connection has again what it had before.\n');
  });
