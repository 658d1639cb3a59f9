/** What is written to the audit log, and when: before the effect, and refusals in numbers. */
import type { Log } from '../../log.ts';
import { countRepeats, type Repeated } from '../../repeats.ts';
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

/** Counts repeated refusals, so that a loop of forbidden calls can't bury the rest of the log. */
export function createRefusals(vault: Vault, log: Log): Refusals {
  const repeats = countRepeats<AuditEvent>(windowMs, maxKinds);

  async function write(event: AuditEvent): Promise<void> {
    try {
      await vault.audit(event);
    } catch {
      log.error('audit.refusal_not_written', { action: event.action });
    }
  }

  async function writeCounted(counted: readonly Repeated<AuditEvent>[]): Promise<void> {
    for (const { first, count } of counted) await write({ ...first, count });
  }

  return {
    async note(event) {
      const { tenant, user, onBehalfOf, client, action, code, connectorId } = event;
      const kind = [tenant, user, onBehalfOf, client, action, code, connectorId].join('\u0000');
      const over = repeats.note(kind, event);
      if (over === null) return;
      await writeCounted(over);
      await write(event);
    },
    flush: () => writeCounted(repeats.endAll()),
  };
}
