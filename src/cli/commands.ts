/** Every command: its words, its help, and the module that runs it, which is loaded only then. */
import type { Command, CommandTable } from './command.ts';
import { assistantsCommands } from './tables/assistants.ts';
import { careCommands } from './tables/care.ts';
import { connectionsCommands } from './tables/connections.ts';
import { operationCommands } from './tables/operation.ts';
import { programsCommands } from './tables/programs.ts';
import { servingCommands } from './tables/serving.ts';

export const tables: readonly CommandTable[] = [
  connectionsCommands,
  programsCommands,
  careCommands,
  servingCommands,
  assistantsCommands,
  operationCommands,
];

export const commands: readonly Command[] = tables.flatMap((table) => table.commands);

/** Those that people call. */
export const shownCommands: readonly Command[] = commands.filter(({ hidden }) => !hidden);
