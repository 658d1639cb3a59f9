/** What the owner of a connection to an MCP server saw of it. */
import type { Row } from './row.ts';

/**
 * Which version of the row holds the definitions that the owner saw (0: there was no room for one), and how many wait to
 * be seen.
 */
export type SeenToolsCount = {
  readonly row: number;
  /** A random value of what was written then: the row of another server begins at 1 again. Absent on the oldest rows. */
  readonly mark?: string;
  readonly added: number;
  readonly changed: number;
};

/**
 * What the owner of a connection to an MCP server saw of its tools, prompts and instructions, under the id of the
 * credential. Its sealed part holds their definitions. It changes together with `seenTools` of the credential.
 */
export type SeenToolsRow = Row;
