/** What a person asks for on their own pages and that needs their yes: where that is asked, and doing it after the yes. */
import { type answerApproval, isAskedBy } from '../../../broker/approvals/page.ts';
import { approvalOf } from '../../../broker/approvals/refusals.ts';
import type { Broker } from '../../../broker/broker.ts';
import { reconnect } from '../../../broker/connect/reconnect.ts';
import { updateCredential } from '../../../broker/credentials/manage.ts';
import { shareConnection } from '../../../broker/credentials/share.ts';
import { acceptTools } from '../../../broker/credentials/tools.ts';
import { hasCode, KeywardError } from '../../../errors.ts';
import { localPrincipal, type Owner, type Principal } from '../../../principal.ts';

/**
 * The person as the broker knows whoever acts on these pages: they may do there whatever they may do at their own
 * computer. No program is this one, whatever it calls itself: nobody else proves themselves with these words.
 */
export function onOwnPages({ tenant, user }: Owner): Principal {
  return { tenant, user, scopes: localPrincipal.scopes, client: 'your page of Keyward', via: 'own page' };
}

/**
 * Does what the person asked for, and goes where it answers; or first to the page that asks for their yes, which is the list
 * where an earlier request about the same connection waits.
 *
 * @throws KeywardError `approval_denied` soon after they said no
 */
export async function doOrAsk(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, 'approval_denied')) {
      throw new KeywardError('approval_denied', 'You said no to this a moment ago, so nothing was done.', {
        hint: 'Keyward asks you about it again after some minutes.',
      });
    }
    if (!hasCode(error, 'approval_required')) throw error;
    const asked = approvalOf(error);
    return asked === undefined ? '/approvals' : `/approvals/${asked.approvalId}`;
  }
}

/**
 * Does what a person said yes to, once, where they had asked for it on these pages: nobody else waits for that yes. It does
 * what the request showed, from the request itself. What has changed since is asked for anew.
 *
 * @returns where to go next; null for a request of anybody else
 */
export async function carryOut(
  broker: Broker,
  person: Owner,
  approval: Awaited<ReturnType<typeof answerApproval>>,
): Promise<string | null> {
  const principal = onOwnPages(person);
  const { act, details, credentialId } = approval;
  if (credentialId === null || !(await isAskedBy(broker, principal, approval))) return null;
  const page = pageOf(credentialId);
  return doOrAsk(async () => {
    switch (act) {
      case 'tools':
        await acceptTools(broker, principal, { connectionId: credentialId });
        return page;
      case 'policy':
        await updateCredential(broker, principal, { credentialId, policy: details.policy ?? null });
        return page;
      case 'share': {
        const { with: grantee = '', permission = 'view', policy } = details;
        const share = { connectionId: credentialId, with: grantee, permission, ...(policy && { policy }) };
        await shareConnection(broker, principal, share);
        return page;
      }
      case 'reconnect':
        return reconnectHere(broker, principal, credentialId);
      default:
        // These pages ask for nothing else.
        return page;
    }
  });
}

/**
 * Connects it again; answers where the person does that. The page of the attempt is at this very address: a browser follows a
 * form nowhere else.
 */
export async function reconnectHere(broker: Broker, principal: Principal, credentialId: string): Promise<string> {
  const made = await reconnect(broker, principal, { credentialId });
  return made.kind === 'created' ? pageOf(credentialId) : `/connect/${made.attemptId}`;
}

/** The page of a connection. */
export function pageOf(credentialId: string): string {
  return `/connections/${credentialId}`;
}
