/** Commands about what is connected. */
import { type CommandTable, jsonFlag, ownerFlags } from '../command.ts';

/** Which calls are allowed. */
const policyFlags = {
  methods: { value: 'methods', help: 'separated by commas, such as GET,POST; default: every method' },
  paths: {
    value: 'path',
    many: true,
    help: '* stands for one segment, ** for the rest, as in /repos/**; default: every path',
  },
  'ask-calls': {
    value: 'calls',
    many: true,
    help: 'calls that wait for your yes each time: methods, paths or both, such as "POST,DELETE /repos/**"',
  },
  preset: {
    value: 'preset',
    help: 'readOnly: nothing but GET and HEAD; askBeforeWriting: all else waits for your yes each time',
  },
  tools: {
    value: 'tools',
    many: true,
    help: 'of an MCP server: names separated by commas, such as get_*,prompt:summary; default: every tool',
  },
  ask: { value: 'tools', many: true, help: 'of an MCP server: tools that wait for your yes each time' },
  refuse: { value: 'tools', many: true, help: 'of an MCP server: tools that are never called' },
  unseen: {
    value: 'verdict',
    help: 'ask, refuse or allow: tools of an MCP server that are new, or changed since you saw them; default: refuse',
  },
} as const;

const yesFlag = { yes: { help: 'ask nothing' } } as const;

export const connectionsCommands: CommandTable = {
  title: 'Connections',
  commands: [
    {
      name: 'open',
      words: [],
      help: 'open your page in the browser: connections, requests, activity and OAuth clients, until Ctrl+C or a quarter of an hour without use',
      examples: ['keyward open'],
      load: async () => (await import('../commands/open.ts')).open,
    },
    {
      name: 'list',
      words: [],
      help: 'list your connections',
      flags: { connector: { value: 'connector', help: 'only those of this one' }, ...jsonFlag, ...ownerFlags },
      examples: ['keyward list', 'keyward list --connector github --json'],
      load: async () => (await import('../commands/list.ts')).list,
    },
    {
      name: 'show',
      words: ['<connection>'],
      help: 'show all that is known of a connection, but for its secret; give its id, its name, or its connector',
      flags: { ...jsonFlag, ...ownerFlags },
      examples: ['keyward show github', 'keyward show "Work GitHub" --json'],
      load: async () => (await import('../commands/list.ts')).show,
    },
    {
      name: 'connect',
      words: ['[service]'],
      help: 'connect a service: on a page in the browser, with a code on another device, or with prompts in the terminal',
      flags: {
        type: { value: 'type', help: 'how: oauth2, api_key, …; keyward asks where there are several ways' },
        name: { value: 'name', help: 'what to call the connection; default: the service and the account' },
        input: {
          value: 'name=value',
          many: true,
          help: 'what the service asks for besides a secret, such as subdomain=acme',
        },
        scopes: {
          value: 'scopes',
          help: 'scopes to ask for instead of the usual ones, separated by spaces; kept when it is connected again',
        },
        reconnect: { value: 'connection', help: 'connect this one again: it keeps its id, its name and its rules' },
        'no-browser': { help: 'open no browser: use a code for another device, or prompts in the terminal' },
        ...jsonFlag,
      },
      examples: [
        'keyward connect github',
        'keyward connect zendesk --type api_key --input subdomain=acme --no-browser',
        'keyward connect github --scopes "read:user"',
      ],
      load: async () => (await import('../commands/connect.ts')).connect,
    },
    {
      name: 'verify',
      words: ['[connection]'],
      help: 'ask the service whether a credential works, and for which account; exit code 1 if one does not',
      flags: { all: { help: 'of every connection' }, ...jsonFlag, ...ownerFlags },
      examples: ['keyward verify github', 'keyward verify --all'],
      load: async () => (await import('../commands/verify.ts')).verify,
    },
    {
      name: 'call',
      words: ['<connection>', '<method>', '[path]'],
      help: 'call a service and print its answer as it came; GET where only a path is given; exit code 1 from status 400 on',
      flags: {
        data: { value: 'text', short: 'd', help: 'the body; @file reads a file, and - reads stdin' },
        header: { value: 'name: value', short: 'H', many: true, help: 'a header of the call' },
        include: { short: 'i', help: 'print status and headers first' },
        ...ownerFlags,
      },
      examples: ['keyward call github /user', `keyward call github POST /user/repos -d '{"name":"demo"}'`],
      load: async () => (await import('../commands/call.ts')).call,
    },
    {
      name: 'rename',
      words: ['<connection>', '<name>'],
      help: 'give a connection another name',
      flags: { ...jsonFlag, ...ownerFlags },
      examples: ['keyward rename github "Work GitHub"', 'keyward rename 5b0c… Home'],
      load: async () => (await import('../commands/manage.ts')).rename,
    },
    {
      name: 'limit',
      words: ['<connection>'],
      help: 'set which calls a connection may make, or show it; allowing more than before needs your approval',
      flags: { ...policyFlags, everything: { help: 'lift every limit' }, ...jsonFlag, ...ownerFlags },
      examples: [
        'keyward limit github --methods GET --paths "/repos/**"',
        'keyward limit github --preset askBeforeWriting',
        'keyward limit linear --tools "get_*,list_*" --ask "create_*"',
      ],
      load: async () => (await import('../commands/manage.ts')).limit,
    },
    {
      name: 'tools',
      words: ['<connection>', '[name…]'],
      help: 'list what an MCP server has, what may be used of it, and what changed since you saw it',
      flags: {
        accept: { help: 'what is new or changed is seen by you now, all of it or these names' },
        ...jsonFlag,
        ...ownerFlags,
      },
      examples: ['keyward tools linear', 'keyward tools linear --accept create_issue'],
      load: async () => (await import('../commands/tools.ts')).tools,
    },
    {
      name: 'share',
      words: ['<connection>', '<user>'],
      help: 'let another user of this vault see or use a connection, or take that back; user:<id> or tenant:<id>',
      flags: {
        permission: { value: 'permission', help: 'view, use or none; default: use' },
        ...policyFlags,
        ...jsonFlag,
        ...ownerFlags,
      },
      examples: ['keyward share github bob --user ann', 'keyward share github bob --user ann --permission none'],
      load: async () => (await import('../commands/manage.ts')).share,
    },
    {
      name: 'rm',
      words: ['<connection>'],
      help: 'revoke a connection at its service where that is possible, and delete it; says what is left to do there',
      flags: { ...yesFlag, ...jsonFlag, ...ownerFlags },
      examples: ['keyward rm github', 'keyward rm 5b0c… --yes'],
      load: async () => (await import('../commands/manage.ts')).remove,
    },
  ],
};
