/** Commands that give connections to other programs. */
import { type CommandTable, ownerFlags } from '../command.ts';

export const programsCommands: CommandTable = {
  title: 'Give it to programs',
  commands: [
    {
      name: 'run',
      words: [],
      rest: '<command…>',
      help: 'run a program with secrets in its environment, and take them out of what it prints; one that draws on the terminal needs --no-mask',
      flags: {
        env: {
          value: 'NAME=connection[#field]',
          many: true,
          help: 'a variable of the program; keyward://<connection>[/<field>] as the value of one asks for the same',
        },
        'env-file': { value: 'file', help: 'more variables, a line each, as in .env files' },
        gateway: {
          help: 'give it no secret: NAME_BASE_URL is an address at which Keyward adds it, NAME_TOKEN is for there, while it runs',
        },
        'no-mask': {
          help: 'leave the terminal to the program itself: it can draw on it, and what it prints is not masked',
        },
        ...ownerFlags,
      },
      examples: [
        'keyward run --env GITHUB_TOKEN=github -- gh repo list',
        'keyward run --gateway --env OPENAI=openai -- python agent.py',
      ],
      load: async () => (await import('../commands/run.ts')).run,
    },
    {
      name: 'token',
      words: ['<connection>'],
      help: 'print the secret of a connection, fresh and alone on a line, for scripts and settings such as apiKeyHelper',
      flags: {
        field: { value: 'field', help: 'which one; default: the only secret, or the access token' },
        ...ownerFlags,
      },
      examples: ['keyward token github', 'keyward token aws --field secretAccessKey'],
      load: async () => (await import('../commands/hand-out.ts')).token,
    },
    {
      name: 'headers',
      words: ['<connection>'],
      help: 'print the headers that carry the secret of a connection, as JSON, for settings such as headersHelper',
      flags: { ...ownerFlags },
      examples: ['keyward headers linear', 'keyward headers "Work GitHub"'],
      load: async () => (await import('../commands/hand-out.ts')).headers,
    },
    {
      name: 'git-credential',
      words: ['<get|store|erase>'],
      help: 'answer git, once git config --global credential.helper "!keyward git-credential" was called; git says what it needs on stdin',
      flags: {
        connection: { value: 'connection', help: 'the one to use; default: the only one that is for the host' },
        ...ownerFlags,
      },
      examples: ['keyward git-credential get', 'keyward git-credential --connection "Work GitHub" get'],
      load: async () => (await import('../commands/git-credential.ts')).gitCredential,
    },
  ],
};
