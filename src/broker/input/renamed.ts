/** Renaming. Who is asked about a connection has to know that it was called otherwise a moment ago. */
import type { Credential } from '../../vault/vault.ts';

/** For so long the name before is told. */
const isNewsMs = 86_400_000;

/** The new name with the one before. After several renamings within a day that is the first: none of them hides it. */
export function renamed(record: Credential, name: string): Pick<Credential, 'name' | 'renamed'> {
  if (name === record.name) return { name };
  const at = Date.now();
  return { name, renamed: { from: renamedLately(record, at)?.from ?? record.name, at } };
}

/** What a credential was called before, while that is news; else null. */
export function renamedLately(
  { renamed }: Pick<Credential, 'renamed'>,
  now: number,
): { from: string; at: number } | null {
  return renamed !== undefined && now - renamed.at < isNewsMs ? renamed : null;
}
