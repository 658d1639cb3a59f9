/** What a connection needs of a person: the one place that says which connections need attention, and why. */
import type { Credential } from '../../vault/vault.ts';
import { hasUnseen } from '../mcp-servers/tool-rules.ts';
import { isEnded } from './ended.ts';

/**
 * What a connection needs. `reconnect`: a person connects it again. `ended`: the same, after its owner ended every
 * connection. `unchecked`: its service did not say that it takes the credential. `tools`: its owner looks at what an MCP
 * server changed. `ends`: a person connects it again soon.
 */
export type Attention = {
  readonly kind: 'reconnect' | 'ended' | 'unchecked' | 'tools' | 'ends';
  /** Since when, or until when for `ends`, in milliseconds since 1970; null where that was not noted. */
  readonly at: number | null;
};

/** So long before its end a connection needs attention. */
const soonMs = 7 * 86_400_000;

/**
 * What this connection needs most; null while it works.
 *
 * @param own whether its owner asks, who alone can look at tools
 */
export function attentionOf(credential: Credential, own: boolean, now = Date.now()): Attention | null {
  const { status, statusReason, statusSince = null, reconnectBy = null } = credential;
  if (status !== 'active') return { kind: isEnded(credential) ? 'ended' : 'reconnect', at: statusSince };
  if (reconnectBy !== null && reconnectBy - now < soonMs) return { kind: 'ends', at: reconnectBy };
  if (own && hasUnseen(credential)) return { kind: 'tools', at: null };
  return statusReason === null ? null : { kind: 'unchecked', at: null };
}
