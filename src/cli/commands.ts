/**
 * Every command: its words, its help, and the module that runs it, which is loaded only then; but for `stdio`, because
 * clients wait for it, and loading it in steps took 15 ms of every start.
 */

import { describeOptions } from '../config/config.ts';
import { version } from '../version.ts';
import type { Command } from './command.ts';
import { serve } from './commands/stdio.ts';

export const commands: readonly Command[] = [
  {
    name: 'status',
    words: [],
    help: 'show how to connect a client, and where everything is; the default in a terminal',
    mode: 'stdio',
    load: async () => (await import('./lazy-commands.ts')).status.showStatus,
  },
  {
    name: 'stdio',
    words: [],
    help: 'serve MCP on stdin and stdout, as MCP clients start it; the default without a terminal',
    mode: 'stdio',
    load: async () => serve,
  },
  {
    name: 'http',
    words: [],
    help: 'serve MCP and REST over HTTP, to many owners with bearer tokens',
    mode: 'http',
    load: async () => (await import('./lazy-commands.ts')).http.serve,
  },
  {
    name: 'token create',
    words: [],
    help: 'make a session token for keyward http and print it, this once',
    flags: {
      user: { value: 'user', help: 'who it stands for' },
      tenant: { value: 'tenant', help: "the user's tenant; default: default" },
      scopes: { value: 'scopes', help: 'separated by commas; default: credentials:read, write and use' },
      expires: { value: 'time', help: 'after so many hours or days (12h, 90d), or never; default: 90d' },
    },
    load: async () => (await import('./lazy-commands.ts')).token.create,
  },
  {
    name: 'token list',
    words: [],
    help: 'list the session tokens, which are known by their ids',
    load: async () => (await import('./lazy-commands.ts')).token.list,
  },
  {
    name: 'token revoke',
    words: ['<id>'],
    help: 'refuse a session token from its next request on',
    load: async () => (await import('./lazy-commands.ts')).token.revoke,
  },
  {
    name: 'sign-in',
    words: [],
    help: 'print a code that signs a person in to the pages of keyward http, once, within ten minutes',
    flags: {
      user: { value: 'user', help: 'who signs in with it' },
      tenant: { value: 'tenant', help: "the user's tenant; default: default" },
    },
    load: async () => (await import('./lazy-commands.ts')).signIn.signIn,
  },
  {
    name: 'key status',
    words: [],
    help: 'show where the outer key comes from, and how many records each data key seals',
    load: async () => (await import('./lazy-commands.ts')).key.status,
  },
  {
    name: 'key rotate',
    words: [],
    help: 'seal everything anew under a fresh data key, while Keyward serves; goes on after an interruption',
    load: async () => (await import('./lazy-commands.ts')).key.rotate,
  },
  {
    name: 'key rewrap',
    words: [],
    help: 'change the outer key: to that of a file, a passphrase, both, or a generated one; rotates the data key, too',
    flags: {
      'new-key-file': { value: 'file', help: 'file that holds the new key: 32 bytes in base64 or hex' },
      'new-passphrase': { help: 'ask for a passphrase, or read it from stdin' },
      generated: { help: "keep a new key in the keychain, or else in Keyward's key file" },
      'keep-data-key': { value: 'reason', help: 'leave the data key as it is; the audit log keeps the reason' },
    },
    load: async () => (await import('./lazy-commands.ts')).key.rewrap,
  },
  {
    name: 'migrate',
    words: [],
    help: 'make or update the tables in PostgreSQL, which else happens when Keyward starts',
    load: async () => (await import('./lazy-commands.ts')).migrate.migrate,
  },
  {
    name: 'approvals',
    words: [],
    help: 'show what waits for your approval, and answer it in a terminal; also what was connected again of late',
    load: async () => (await import('./lazy-commands.ts')).approvals.approvals,
  },
  {
    name: 'revert',
    words: ['<connection>'],
    help: 'bring back what a connection had before it was connected again, within a day; keyward approvals lists these',
    load: async () => (await import('./lazy-commands.ts')).approvals.revert,
  },
  {
    name: 'migrate-store',
    words: [],
    help: 'copy the vault to another place and prove that everything arrived; end Keyward before',
    flags: {
      from: { value: 'place', help: 'file:path, a PostgreSQL URL or (restore) a file; default: the usual vault file' },
      to: { value: 'place', help: 'file:path, a PostgreSQL URL or (backup) a file; default: KEYWARD_STORE' },
      owners: { value: 'file', help: 'JSON file with the owners that change: [{ "from": owner, "to": owner }]' },
    },
    load: async () => (await import('./lazy-commands.ts')).move.migrateStore,
  },
  {
    name: 'backup',
    words: [],
    help: 'write the whole vault into one encrypted file, while Keyward serves',
    flags: {
      to: { value: 'file', help: 'the file, which must not exist' },
      'new-passphrase': { help: 'let a passphrase open the backup, instead of the key of the vault' },
    },
    load: async () => (await import('./lazy-commands.ts')).move.backup,
  },
  {
    name: 'restore',
    words: [],
    help: 'restore a backup to KEYWARD_STORE, where nothing may be kept yet',
    flags: { from: { value: 'file', help: 'the backup' } },
    load: async () => (await import('./lazy-commands.ts')).move.restore,
  },
  {
    name: 'audit tail',
    words: [],
    help: 'show the newest entries of the audit log',
    flags: { lines: { short: 'n', value: 'count', help: 'how many; default: 20' } },
    load: async () => (await import('./lazy-commands.ts')).audit.tail,
  },
  {
    name: 'audit verify',
    words: [],
    help: 'check, without any network, that nobody altered the audit log; exit code 1 if somebody did',
    flags: {
      since: {
        value: 'head',
        help: 'a head that this command printed before: the log must still hold what it held then',
      },
    },
    load: async () => (await import('./lazy-commands.ts')).audit.verify,
  },
  {
    name: 'auth-config list',
    words: [],
    help: 'list the OAuth clients that Keyward uses, without their secrets',
    load: async () => (await import('./lazy-commands.ts')).authConfig.list,
  },
  {
    name: 'auth-config add',
    words: ['<connector>'],
    help: 'store an OAuth client for a connector; its secret is asked for, or read from stdin',
    flags: {
      'client-id': { value: 'text', help: 'the client id that the service shows' },
      name: { value: 'text', help: 'what to call it; default: the name of the connector' },
    },
    load: async () => (await import('./lazy-commands.ts')).authConfig.add,
  },
  {
    name: 'auth-config remove',
    words: ['<id>'],
    help: 'forget an OAuth client; connections made with it can no longer be refreshed',
    flags: { force: { help: 'even if there are such connections' } },
    load: async () => (await import('./lazy-commands.ts')).authConfig.remove,
  },
];

/** What `keyward --help` prints. */
export function helpText(): string {
  const commandLines = commands.flatMap(({ name, words, help, flags }) => [
    `  ${['keyward', name, ...words].join(' ')}`,
    `      ${help}`,
    ...Object.entries(flags ?? {}).map(([flag, about]) =>
      [
        `      ${about.short === undefined ? '' : `-${about.short}, `}--${flag}`,
        about.value && `<${about.value}>`,
        ` ${about.help}`,
      ]
        .filter(Boolean)
        .join(' '),
    ),
  ]);
  const optionLines = describeOptions().flatMap(({ flag, value, variable, help, byDefault }) => [
    `  ${flag === undefined ? '' : `${flag} <${value}>, `}${variable}`,
    `      ${help} (default: ${byDefault})`,
  ]);
  return [
    `Keyward ${version}: an MCP server that keeps people's credentials for AI assistants.`,
    '',
    'Commands:',
    ...commandLines,
    '',
    'Options, as flag or environment variable; a flag wins. Secrets have no flag, since every',
    'user of a computer can see the arguments of its processes:',
    ...optionLines,
    '  -h, --help, -v, --version',
    '',
  ].join('\n');
}
