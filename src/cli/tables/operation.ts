/** Commands for whoever keeps the vault: keys, moves, backups, the audit log, OAuth clients. */
import type { CommandTable } from '../command.ts';

export const operationCommands: CommandTable = {
  title: 'Keep the vault',
  commands: [
    {
      name: 'key status',
      words: [],
      help: 'show where the outer key comes from, and how many records each data key seals',
      examples: ['keyward key status'],
      load: async () => (await import('../commands/key.ts')).status,
    },
    {
      name: 'key rotate',
      words: [],
      help: 'seal everything anew under a fresh data key, while Keyward serves; goes on after an interruption',
      examples: ['keyward key rotate'],
      load: async () => (await import('../commands/key.ts')).rotate,
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
      examples: ['keyward key rewrap --new-passphrase', 'keyward key rewrap --new-key-file ~/keys/keyward'],
      load: async () => (await import('../commands/key.ts')).rewrap,
    },
    {
      name: 'migrate',
      words: [],
      help: 'make or update the tables in PostgreSQL, which else happens when Keyward starts',
      examples: ['keyward migrate --store postgres://db.example/keyward'],
      load: async () => (await import('../commands/migrate.ts')).migrate,
    },
    {
      name: 'migrate-store',
      words: [],
      help: 'copy the vault to another place and prove that everything arrived; end Keyward before',
      flags: {
        from: {
          value: 'place',
          help: 'file:path, a PostgreSQL URL or (restore) a file; default: the usual vault file',
        },
        to: { value: 'place', help: 'file:path, a PostgreSQL URL or (backup) a file; default: KEYWARD_STORE' },
        owners: { value: 'file', help: 'JSON file with the owners that change: [{ "from": owner, "to": owner }]' },
      },
      examples: [
        'keyward migrate-store --to postgres://db.example/keyward',
        'keyward migrate-store --to file:/srv/keyward/vault.json --owners owners.json',
      ],
      load: async () => (await import('../commands/backup.ts')).migrateStore,
    },
    {
      name: 'backup',
      words: [],
      help: 'write the whole vault into one encrypted file, while Keyward serves',
      flags: {
        to: { value: 'file', help: 'the file, which must not exist' },
        'new-passphrase': { help: 'let a passphrase open the backup, instead of the key of the vault' },
      },
      examples: ['keyward backup --to keyward.backup', 'keyward backup --to keyward.backup --new-passphrase'],
      load: async () => (await import('../commands/backup.ts')).backup,
    },
    {
      name: 'restore',
      words: [],
      help: 'restore a backup to KEYWARD_STORE, where nothing may be kept yet',
      flags: { from: { value: 'file', help: 'the backup' } },
      examples: ['keyward restore --from keyward.backup'],
      load: async () => (await import('../commands/backup.ts')).restore,
    },
    {
      name: 'audit tail',
      words: [],
      help: 'show the newest entries of the audit log',
      flags: { lines: { short: 'n', value: 'count', help: 'how many; default: 20' } },
      examples: ['keyward audit tail', 'keyward audit tail -n 100'],
      load: async () => (await import('../commands/audit.ts')).tail,
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
        archives: {
          value: 'files',
          help: 'check these files of keyward audit archive, too: oldest first, with commas between them',
        },
      },
      examples: ['keyward audit verify', 'keyward audit verify --since 8:3f…'],
      load: async () => (await import('../commands/audit.ts')).verify,
    },
    {
      name: 'audit archive',
      words: [],
      help: 'put all lines of the audit log into a file, and begin the log anew',
      flags: { to: { value: 'file', help: 'a file that there is not yet; on the disk of the log' } },
      examples: ['keyward audit archive --to audit-2026.log'],
      load: async () => (await import('../commands/audit.ts')).archive,
    },
    {
      name: 'auth-config list',
      words: [],
      help: 'list the OAuth clients that Keyward uses, without their secrets',
      examples: ['keyward auth-config list'],
      load: async () => (await import('../commands/auth-config.ts')).list,
    },
    {
      name: 'auth-config add',
      words: ['<connector>'],
      help: 'store an OAuth client for a connector; its secret is asked for, or read from stdin',
      flags: {
        'client-id': { value: 'text', help: 'the client id that the service shows' },
        name: { value: 'text', help: 'what to call it; default: the name of the connector' },
        server: { value: 'url', help: 'the authorization server, where each connection names its own' },
      },
      examples: [
        'keyward auth-config add github --client-id Iv1.8a61…',
        'keyward auth-config add google-drive --client-id 1234.apps.googleusercontent.com --name Work',
      ],
      load: async () => (await import('../commands/auth-config.ts')).add,
    },
    {
      name: 'auth-config remove',
      words: ['<id>'],
      help: 'forget an OAuth client; connections made with it can no longer be refreshed',
      flags: { force: { help: 'even if there are such connections' } },
      examples: ['keyward auth-config remove 7d9e…'],
      load: async () => (await import('../commands/auth-config.ts')).remove,
    },
    {
      name: 'client-metadata',
      words: [],
      help: 'print the document that tells authorization servers who this Keyward is, for an https address of yours; or check it there: exit code 1 if it is not right',
      flags: {
        url: { value: 'url', help: 'where you put it; default: KEYWARD_CLIENT_METADATA_URL' },
        key: { help: 'for servers that know their clients by a key: with the public key of this vault' },
        check: { help: 'read it from its address, and say what differs' },
      },
      examples: [
        'keyward client-metadata --url https://ann.example/keyward.json',
        'keyward client-metadata --url https://ann.example/keyward.json --check',
      ],
      load: async () => (await import('../commands/client-metadata.ts')).clientMetadata,
    },
  ],
};
