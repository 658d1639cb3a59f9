/** Commands about the programs and people that Keyward lets in, and what they ask for. */
import type { CommandTable } from '../command.ts';

export const assistantsCommands: CommandTable = {
  title: 'Who may come in, and what they ask for',
  commands: [
    {
      name: 'token create',
      words: [],
      help: 'make a session token for keyward http and print it, this once',
      flags: {
        user: { value: 'user', help: 'who it stands for' },
        tenant: { value: 'tenant', help: "the user's tenant; default: default" },
        name: { value: 'name', help: 'what you know it by, such as the program that gets it' },
        scopes: { value: 'scopes', help: 'separated by commas; default: credentials:read, write and use' },
        connections: {
          value: 'connections',
          help: 'the only ones that there are for it: names, ids or services, separated by commas; default: all',
        },
        services: {
          value: 'services',
          help: 'connectors, separated by commas: only their connections are there for it, also those made later',
        },
        'read-only': { help: 'it calls services only to read, changes nothing in Keyward, and gets no raw secret' },
        expires: { value: 'time', help: 'after so many hours or days (12h, 90d), or never; default: 90d' },
      },
      examples: [
        'keyward token create --user ann',
        'keyward token create --user ann --scopes credentials:read --expires 12h',
        'keyward token create --user ann --name "Report bot" --connections github,slack --read-only',
      ],
      load: async () => (await import('../commands/token.ts')).create,
    },
    {
      name: 'token list',
      words: [],
      help: 'list session tokens and assistants, which are known by their ids: when each was last used, and what it is limited to',
      examples: ['keyward token list'],
      load: async () => (await import('../commands/token.ts')).list,
    },
    {
      name: 'token revoke',
      words: ['<id>'],
      help: 'end a session token or an assistant: it is refused from its next request on, with all tokens that were made from it',
      examples: ['keyward token revoke 2f1c…'],
      load: async () => (await import('../commands/token.ts')).revoke,
    },
    {
      name: 'sign-in',
      words: [],
      help: 'print a code that signs a person in to the pages of keyward http, once, within ten minutes',
      flags: {
        user: { value: 'user', help: 'who signs in with it' },
        tenant: { value: 'tenant', help: "the user's tenant; default: default" },
      },
      examples: ['keyward sign-in --user ann'],
      load: async () => (await import('../commands/sign-in.ts')).signIn,
    },
    {
      name: 'approvals',
      words: [],
      help: 'show what waits for your approval, and answer it in a terminal; also what was connected again of late',
      examples: ['keyward approvals'],
      load: async () => (await import('../commands/approvals.ts')).approvals,
    },
    {
      name: 'revert',
      words: ['<connection>'],
      help: 'bring back what a connection had before it was connected again, within a day; keyward approvals lists these',
      examples: ['keyward revert 5b0c…'],
      load: async () => (await import('../commands/approvals.ts')).revert,
    },
  ],
};
