/** What the record of a connection says after its owner ended every connection. */
import type { Credential } from '../../vault/vault.ts';

/** What is left for the person follows it. */
export const endedReason = 'Its owner ended every connection.';

/** True until somebody connects it again. */
export function isEnded({ status, statusReason }: Pick<Credential, 'status' | 'statusReason'>): boolean {
  return status === 'reconnect_required' && (statusReason?.startsWith(endedReason) ?? false);
}
