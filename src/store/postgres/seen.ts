/**
 * The versions of credentials that this process has seen. Somebody who may write to the database can put back a record
 * as it once was, with the proof of then: a share that was withdrawn is there again. Whoever has seen the later version
 * refuses the earlier one. A process that starts afterwards has seen none.
 */

/** Those that were looked at longest ago are forgotten. */
const most = 20_000;

export type SeenVersions = {
  /** Call it before a read begins. */
  begin(): number;
  /** False for a version that had been followed by another one before the read began. */
  isNewest(id: string, version: number, began: number): boolean;
};

export function seenVersions(): SeenVersions {
  const newest = new Map<string, { readonly version: number; readonly at: number }>();
  let clock = 0;
  return {
    begin: () => clock,
    isNewest(id, version, began) {
      const known = newest.get(id);
      // A read that began before the later version was seen may have an answer from before it.
      if (known !== undefined && version < known.version) return known.at > began;
      newest.delete(id);
      if (known === undefined || version > known.version) clock += 1;
      newest.set(id, { version, at: known?.version === version ? known.at : clock });
      const [oldest] = newest.keys();
      if (newest.size > most && oldest !== undefined) newest.delete(oldest);
      return true;
    },
  };
}
