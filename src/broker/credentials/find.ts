/** The connections that a person looks for on their own page: by what they typed, or by what needs them. */
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { accessOf, readerOf } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { type Attention, attentionOf } from './attention.ts';
import { reachedPage } from './reached.ts';
import { type ConnectionView, viewOf } from './view.ts';

export type FoundConnection = {
  readonly view: ConnectionView;
  /** Name of the service. */
  readonly service: string;
  /** What it needs of a person; null while it works. */
  readonly attention: Attention | null;
  /** With how many users and tenants its owner shares it; 0 for a connection of somebody else. */
  readonly sharedWith: number;
};

type Search = {
  /** Words that all stand in name, service, account or host; empty is every connection. */
  readonly query: string;
  /** Only those that need attention. */
  readonly attention: boolean;
  readonly cursor?: string | undefined;
};

/** Rows of one page. */
const pageSize = 50;

/** The caller's own connections that fit, then those that are shared with it; each oldest first. */
export async function findConnections(
  broker: Broker,
  principal: Principal,
  { query, attention, cursor }: Search,
): Promise<{ readonly found: readonly FoundConnection[]; readonly nextCursor?: string }> {
  await authorize(broker, principal, 'credential.read');
  const reader = readerOf(broker, principal);
  const isOwn = (row: Credential) => accessOf(reader, row) === 'owner';
  const serviceOf = ({ connectorId }: Credential) => broker.catalogue.get(connectorId)?.name ?? connectorId;
  const words = folded(query).split(/\s+/).filter(Boolean);
  const wanted = (row: Credential): boolean => {
    if (attention && attentionOf(row, isOwn(row)) === null) return false;
    if (words.length === 0) return true;
    const { name, account, hosts, connectorId } = row;
    const text = folded([name, serviceOf(row), connectorId, account ?? '', ...hosts].join('\n'));
    return words.every((word) => text.includes(word));
  };
  const all = words.length === 0 && !attention;
  const { rows, ...next } = await reachedPage(broker, principal, { cursor, limit: pageSize, ...(!all && { wanted }) });
  const found = rows.map((row) => ({
    view: viewOf(broker, row, reader),
    service: serviceOf(row),
    attention: attentionOf(row, isOwn(row)),
    sharedWith: isOwn(row) ? (row.shares ?? []).length : 0,
  }));
  return { found, ...next };
}

/** As people type it: without capitals, and without marks on letters. */
function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}
