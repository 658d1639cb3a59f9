/** Commands that set up this computer, find what is wrong, and end everything. */
import { type CommandTable, jsonFlag, ownerFlags } from '../command.ts';

export const careCommands: CommandTable = {
  title: 'This computer',
  commands: [
    {
      name: 'setup',
      words: ['[client…]'],
      help: 'make the MCP clients on this computer start this Keyward: shows each change, asks, and keeps the old file',
      flags: {
        mcp: {
          value: 'connection',
          many: true,
          help: 'make them start the MCP server of this connection instead, under a name of its own; keyward mcp lists those that there are',
        },
        remove: { help: 'take it back: only what stands under the name keyward, or with --mcp only those servers' },
        yes: { help: 'make every change without a question, for scripts' },
        ...jsonFlag,
      },
      examples: ['keyward setup', 'keyward setup claude-code cursor --mcp linear'],
      load: async () => (await import('../commands/setup.ts')).setup,
    },
    {
      name: 'import',
      words: ['[file…]'],
      help: 'move secrets out of the files of MCP clients, .env files and the environment into the vault, each once its service has taken it',
      flags: {
        yes: { help: 'take all without asking; without a terminal, files are left as they are' },
        json: { help: 'print what was found as JSON, and change nothing' },
      },
      examples: ['keyward import', 'keyward import .env --json'],
      load: async () => (await import('../commands/import.ts')).importSecrets,
    },
    {
      name: 'doctor',
      words: [],
      help: 'look at everything that Keyward needs, say what is wrong, and how to mend it; exit code 1 if something is',
      flags: { ...jsonFlag, ...ownerFlags },
      anyConfig: true,
      examples: ['keyward doctor', 'keyward doctor --json'],
      load: async () => (await import('../commands/doctor.ts')).doctor,
    },
    {
      name: 'panic',
      words: [],
      help: 'end everything at once: revoke every grant at its service, end shares, session tokens and approvals; exit code 1 if a service could not be reached',
      flags: {
        delete: { help: 'delete the records of what ended, too' },
        yes: { help: 'ask nothing' },
        ...jsonFlag,
        ...ownerFlags,
      },
      examples: ['keyward panic', 'keyward panic --user ann --delete --yes'],
      load: async () => (await import('../commands/panic.ts')).panic,
    },
    {
      name: 'completion',
      words: ['<bash|zsh|fish|powershell>'],
      help: 'print what makes a shell complete the command lines of Keyward, with connectors and your connections',
      anyConfig: true,
      examples: ['source <(keyward completion bash)', 'keyward completion fish | source'],
      load: async () => (await import('../commands/completion.ts')).completion,
    },
    {
      name: 'completion complete',
      words: [],
      rest: '<words…>',
      help: 'print what the words can go on with',
      hidden: true,
      anyConfig: true,
      examples: ['keyward completion complete -- list --connector gi'],
      load: async () => (await import('../commands/completion.ts')).complete,
    },
  ],
};
