/** What the owner of a connection to an MCP server wants to be asked before: one message, shown as it is sent. */
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { quoted } from '../input/text.ts';
import type { Item } from '../mcp-servers/rules.ts';
import { markOf, seenBy } from '../mcp-servers/seen.ts';
import { about } from '../policy/access.ts';
import { auditedRefusal } from '../policy/policy.ts';

/** Longer messages nobody reads, in characters. */
const maxShown = 20_000;

/**
 * Returns when the owner of the connection said yes to this message, or for some minutes to this tool, prompt or resource
 * as it is defined now. The yes belongs to this connection and this caller, and once is once.
 *
 * @param message the JSON-RPC message, as it is sent; its id and what SDKs count with are not part of what is asked
 * @throws KeywardError `approval_required` when the owner has been asked, `approval_denied` soon after a no, `forbidden` for
 *   a message that is too long to be read
 */
export async function requireYes(
  broker: Broker,
  principal: Principal,
  credential: Credential,
  { item, message }: { readonly item: Item; readonly message: unknown },
): Promise<void> {
  const action = 'credential.call';
  const text = shownMessage(message);
  if (text.length > maxShown) {
    const error = new KeywardError(
      'forbidden',
      `The owner wants to be asked before ${quoted(item.name)} is used, and this message is too long to be shown to them.`,
      { hint: `Send at most ${maxShown} characters, or ask the owner to allow it without being asked.` },
    );
    throw await auditedRefusal(broker, principal, action, about(credential), error);
  }
  const standing = (await seenBy(broker, credential))(item);
  await requireApproval(broker, principal, {
    credential,
    action,
    act: 'call',
    details: { item: { kind: item.kind, name: item.name, standing }, message: text },
    apart: await markOf(broker, credential, item),
  });
}

/** Method and parameters, in the order in which they are sent. */
function shownMessage(message: unknown): string {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: unknown };
  if (typeof params !== 'object' || params === null) return JSON.stringify({ method, params }, null, 2);
  const { _meta, ...rest } = params as { _meta?: unknown };
  const kept =
    typeof _meta === 'object' && _meta !== null ? Object.entries(_meta).filter(([name]) => !perCall(name)) : [];
  const meta = kept.length > 0 ? { _meta: Object.fromEntries(kept) } : {};
  return JSON.stringify({ method, params: { ...rest, ...meta } }, null, 2);
}

/** What differs with each call, and says nothing of what is done. */
function perCall(name: string): boolean {
  return name === 'progressToken' || name === 'traceparent' || name.startsWith('io.modelcontextprotocol/');
}
