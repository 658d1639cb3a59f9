/** Where a record's secret belongs: what its sealing key is derived from. */
import type { SealContext } from '../seal/seal.ts';
import type { Kind } from '../store/store.ts';

export type Named = { readonly tenant: string; readonly owner: string; readonly id: string };

/** @param version of the secret */
export function contextOf(kind: Kind, { tenant, owner, id }: Named, version: number): SealContext {
  return { purpose: kind, tenant, owner, recordId: id, version };
}
