/** Commands that set up this computer, find what is wrong, and end everything. */
import type { CommandTable } from '../command.ts';

export const careCommands: CommandTable = { title: 'This computer', commands: [] };
