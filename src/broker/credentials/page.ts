/** A connection as the person sees it on its own page: all that is known of it, but for its secret. */
import { isOAuth } from '../../connectors/auth-kinds.ts';
import type { Api } from '../../connectors/connector.ts';
import type { Principal } from '../../principal.ts';
import type { ObtainedBy } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { findAuth } from '../grants/oauth-context.ts';
import { waitingAt } from '../mcp-servers/waiting.ts';
import { accessOf, readerOf, requireVisible } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { type Attention, attentionOf } from './attention.ts';
import { getConnection } from './manage.ts';
import { listReconnected, type Reconnected } from './replaced.ts';

export type ConnectionPage = Awaited<ReturnType<typeof getConnection>> & {
  /** Name of the service. */
  readonly service: string;
  readonly attention: Attention | null;
  readonly protocol: Api['protocol'];
  /** What the vendor's own libraries read; null where they are not known. */
  readonly sdk: Api['sdk'];
  /** A path that is harmless to call; null where none is known. */
  readonly harmlessPath: string | null;
  /** A GET of this service may change something. */
  readonly unsafeGet: boolean;
  /** How it was connected, as its definition calls that; null where it has no word for it. */
  readonly way: string | null;
  /** Whether a person decides at the service, when it is connected again. */
  readonly oauth: boolean;
  /** Of one's own connection. */
  readonly own: {
    readonly obtainedBy: ObtainedBy;
    /** When it was connected last, in milliseconds since 1970. */
    readonly grantedAt: number;
    /** What reconnecting replaced and can be brought back; null where there is none. */
    readonly replaced: Reconnected | null;
    /** What waits at an MCP server until it was looked at, in words. */
    readonly toSee: string | null;
  } | null;
};

/**
 * What the page of a connection shows to whoever may see it.
 *
 * @throws KeywardError `not_found` for a stranger, as for a connection that there is not
 */
export async function viewConnection(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<ConnectionPage> {
  await authorize(broker, principal, 'credential.read');
  const credential = await requireVisible(broker, principal, input.connectionId, 'connectionId');
  const view = await getConnection(broker, principal, input);
  const isOwn = accessOf(readerOf(broker, principal), credential) === 'owner';
  const auth = findAuth(broker, credential);
  const api = auth?.api;
  const verify = api?.verify ?? null;
  const isPlain = verify?.method === 'GET' && verify.baseUrl === null && !/[{}]/.test(verify.path);
  const { id, connectorId, obtainedBy, createdAt, grantedAt = createdAt } = credential;
  const replaced = isOwn ? await listReconnected(broker, principal) : [];
  return {
    ...view,
    service: broker.catalogue.get(connectorId)?.name ?? connectorId,
    attention: attentionOf(credential, isOwn),
    protocol: api?.protocol ?? 'http',
    sdk: api?.sdk ?? null,
    harmlessPath: isPlain ? verify.path : null,
    unsafeGet: api?.unsafeGet ?? true,
    way: auth?.title ?? null,
    oauth: auth !== undefined && isOAuth(auth),
    own: isOwn
      ? {
          obtainedBy,
          grantedAt,
          replaced: replaced.find(({ credentialId }) => credentialId === id) ?? null,
          toSee: await waitingAt(broker, principal, id),
        }
      : null,
  };
}
