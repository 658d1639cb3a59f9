/** What waits at MCP servers until the owner of their connections has looked at it, in words. */
import type { Owner } from '../../principal.ts';
import type { SeenItem } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { readSeen } from './seen.ts';

/** “2 tools changed and 1 prompt is new”; null when nothing waits at this connection of theirs. */
export async function waitingAt(broker: Broker, owner: Owner, credentialId: string): Promise<string | null> {
  const credential = await broker.vault.get('credential', owner, credentialId);
  const waiting = ((credential && (await readSeen(broker, credential))?.items) ?? []).filter(({ now }) => now !== null);
  const own = waiting.find((one) => one.kind === 'server');
  const parts = (['tool', 'prompt'] as const).flatMap((kind) => {
    const [added, changed] = [true, false].map(
      (isNew) => waiting.filter((one) => one.kind === kind && (one.seen === null) === isNew).length,
    );
    return [...counted(changed, kind, 'changed', 'changed'), ...counted(added, kind, 'is new', 'are new')];
  });
  if (own !== undefined) parts.push(`its instructions ${own.seen === null ? 'are new' : 'changed'}`);
  return parts.length === 0 ? null : new Intl.ListFormat('en').format(parts);
}

function counted(count: number | undefined, kind: SeenItem['kind'], one: string, more: string): string[] {
  if (count === undefined || count === 0) return [];
  return [count === 1 ? `1 ${kind} ${one}` : `${count} ${kind}s ${more}`];
}
