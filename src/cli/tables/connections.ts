/** Commands about what is connected. */
import { type CommandTable, jsonFlag, ownerFlags } from '../command.ts';

export const connectionsCommands: CommandTable = {
  title: 'Connections',
  commands: [
    {
      name: 'list',
      words: [],
      help: 'list your connections',
      flags: { connector: { value: 'connector', help: 'only those of this one' }, ...jsonFlag, ...ownerFlags },
      examples: ['keyward list', 'keyward list --connector github --json'],
      load: async () => (await import('../lazy-commands.ts')).list.list,
    },
    {
      name: 'show',
      words: ['<connection>'],
      help: 'show all that is known of a connection, but for its secret; give its id, its name, or its connector',
      flags: { ...jsonFlag, ...ownerFlags },
      examples: ['keyward show github', 'keyward show "Work GitHub" --json'],
      load: async () => (await import('../lazy-commands.ts')).list.show,
    },
  ],
};
