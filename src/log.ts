/**
 * Diagnostics: JSON lines on stderr. Stdout belongs to MCP. A line holds an event name and plain facts; secrets are
 * kept out by never passing them, and once more by name and by shape here.
 */
import { pino } from 'pino';

/** Facts of one event. Only flat, plain values: an object could carry a secret along. */
export type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>;

export type Log = {
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
};
