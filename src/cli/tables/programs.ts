/** Commands that give what is connected to other programs. */
import type { CommandTable } from '../command.ts';

export const programsCommands: CommandTable = { title: 'Give it to programs', commands: [] };
