/** Taking what is new or changed at an MCP server as seen, for its owner, who signed in to these pages. */
import { approvalOf } from '../../../broker/approvals/refusals.ts';
import type { Broker } from '../../../broker/broker.ts';
import { acceptTools } from '../../../broker/credentials/tools.ts';
import { hasCode } from '../../../errors.ts';
import type { Owner } from '../../../principal.ts';

/** Who asks, when the owner does it here. */
export const ownPage = 'your page of Keyward';

/**
 * Asks for it, or does it once its owner said yes.
 *
 * @returns where to go next: to the page that shows the differences, or home when they are accepted
 */
export async function acceptHere(broker: Broker, person: Owner, connectionId: string): Promise<string> {
  const owner = { ...person, scopes: new Set(['credentials:read', 'credentials:write'] as const), client: ownPage };
  try {
    await acceptTools(broker, owner, { connectionId });
    return '/';
  } catch (error) {
    if (!hasCode(error, 'approval_required')) throw error;
    const asked = approvalOf(error);
    return asked === undefined ? '/approvals' : `/approvals/${asked.approvalId}`;
  }
}
