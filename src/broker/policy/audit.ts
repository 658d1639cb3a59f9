/** What is written to the audit log, and when: before the effect, and refusals in numbers. */
import type { Log } from '../../log.ts';
import type { AuditEvent, Vault } from '../../vault/vault.ts';

/** Refusals of one kind within this time become one further line with a count. */
const windowMs = 60_000;
/** A caller that varies its requests must not fill memory: past this many kinds, the oldest is written out. */
const maxKinds = 1_000;

export type Refusals = {
  /** Writes the first refusal of a kind and counts the repeats. Never throws: a refusal stands without its line. */
  note(event: AuditEvent): Promise<void>;
  /** Writes what was counted. */
  flush(): Promise<void>;
};

/** `since` on the clock of `performance.now()`, which nobody sets. */
type Counted = { readonly event: AuditEvent; count: number; readonly since: number };

/** Counts repeated refusals, so that a loop of forbidden calls can't bury the rest of the log. */
export function createRefusals(vault: Vault, log: Log): Refusals {
  const counted = new Map<string, Counted>();

  async function write(event: AuditEvent): Promise<void> {
    try {
      await vault.audit(event);
    } catch {
      log.error('audit.refusal_not_written', { action: event.action });
    }
  }

  async function settle(entry: Counted | undefined): Promise<void> {
    if (entry && entry.count > 0) await write({ ...entry.event, count: entry.count });
  }

  /** Takes an entry out. Nothing is awaited before that, so that no count is lost between two callers. */
  function take(key: string | undefined): Counted | undefined {
    const entry = key === undefined ? undefined : counted.get(key);
    if (key !== undefined) counted.delete(key);
    return entry;
  }

  return {
    async note(event) {
      const key = [event.tenant, event.user, event.onBehalfOf, event.action, event.code, event.connectorId].join(
        '\u0000',
      );
      const entry = counted.get(key);
      if (entry && performance.now() - entry.since < windowMs) {
        entry.count += 1;
        return;
      }
      const before = take(key);
      const oldest = counted.size >= maxKinds ? take(counted.keys().next().value) : undefined;
      counted.set(key, { event, count: 0, since: performance.now() });
      await settle(before);
      await settle(oldest);
      await write(event);
    },
    async flush() {
      for (const key of [...counted.keys()]) await settle(take(key));
    },
  };
}
