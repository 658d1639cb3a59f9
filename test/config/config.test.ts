import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectorVariable, describeOptions, flagOf, options, readConfig } from '../../src/config/config.ts';
import { KeywardError } from '../../src/errors.ts';

const none = new Map<string, string>();

/** The problems that a configuration is refused with: option → text. */
function problemsOf(env: NodeJS.ProcessEnv, flags: ReadonlyMap<string, string> = none): Record<string, string> {
  try {
    readConfig(flags, env);
  } catch (error) {
    if (error instanceof KeywardError && error.code === 'config_invalid') return { ...error.details.fields };
    throw error;
  }
  return {};
}

const ci = { issuer: 'https://ci.example', tenant: 'ci', scopes: ['credentials:use'], require: { sub: 'a' } };
/** Each lacks what keeps strangers out, or says it in a way that could be misread. */
const badIssuers = [
  '{',
  '{}',
  '[1]',
  ...[
    { issuer: undefined },
    { issuer: 'http://ci.example' },
    { scopes: undefined },
    { scopes: [] },
    { scopes: ['all'] },
    { scopes: 'credentials:use' },
    { require: undefined },
    { require: {} },
    { require: { sub: '' } },
    { require: { sub: [] } },
    { require: { sub: 1 } },
    { require: ['sub'] },
    { userClaim: '' },
    { tenant: undefined },
    { tenant: '' },
    { tenant: 'two\nlines' },
    { tenant: 'x'.repeat(256) },
    { tenantClaim: 'org' },
    { audience: ['a'] },
    { requires: { sub: 'a' } },
  ].map((change) => JSON.stringify([{ ...ci, ...change }])),
  JSON.stringify([ci, ci]),
];

describe('config', () => {
  it('has a default for everything', () => {
    const config = readConfig(none, {});
    expect(config).toMatchObject({
      key: {},
      host: '127.0.0.1',
      port: 7355,
      publicUrl: null,
      redirectUris: [],
      egressAllow: [],
      secretInput: 'any',
      release: 'approve',
      anyHost: 'page',
      hostsAllow: null,
      shareTenants: { offers: false, pairs: [] },
    });
    expect(config.store).toEqual({ kind: 'file', path: join(config.dataDir, 'vault.json') });
    expect(config.connectorsDir).toBe(join(config.configDir, 'connectors'));
    expect(config.authConfigs.size).toBe(0);
  });

  it('keeps data and config apart, and both under KEYWARD_HOME when it is set', () => {
    const platform = readConfig(none, {});
    expect(platform.dataDir).not.toBe(platform.configDir);
    const config = readConfig(none, { KEYWARD_HOME: '~/kw' });
    expect(config.dataDir).toBe(join(homedir(), 'kw', 'data'));
    expect(config.configDir).toBe(join(homedir(), 'kw', 'config'));
  });

  it('reads every option from its variable, and from its flag unless it is a secret', () => {
    const given = {
      home: ['/h', { dataDir: '/h/data' }],
      store: ['file:/v/vault.json', { store: { kind: 'file', path: '/v/vault.json' } }],
      key: ['material', { key: { key: 'material' } }],
      keyFile: ['/k', { key: { keyFile: '/k' } }],
      passphrase: ['long words', { key: { passphrase: 'long words' } }],
      host: ['::1', { host: '::1' }],
      port: ['8000', { port: 8000 }],
      publicUrl: ['https://kw.example/', { publicUrl: 'https://kw.example' }],
      clientMetadataUrl: ['https://ann.example/kw.json', { clientMetadataUrl: 'https://ann.example/kw.json' }],
      connectorsDir: ['/c', { connectorsDir: '/c' }],
      redirectUris: [
        'https://a.example/x, http://127.0.0.1:9/y',
        { redirectUris: ['https://a.example/x', 'http://127.0.0.1:9/y'] },
      ],
      egressAllow: ['localhost:9411,[::1]:80 10.0.0.1', { egressAllow: ['localhost:9411', '[::1]:80', '10.0.0.1'] }],
      secretInput: ['page', { secretInput: 'page' }],
      release: ['never', { release: 'never' }],
      anyHost: ['never', { anyHost: 'never' }],
      hostsAllow: ['API.example, *.Slack.com', { hostsAllow: ['api.example', '*.slack.com'] }],
      shareTenants: ['acme>globex,offer', { shareTenants: { offers: true, pairs: [{ from: 'acme', to: 'globex' }] } }],
      issuer: ['https://id.example/', { issuer: { issuer: 'https://id.example/', userClaim: 'sub', audience: null } }],
      audience: ['api', { issuer: null }],
      tenantClaim: ['org', { issuer: null }],
      userClaim: ['email', { issuer: null }],
      scopeClaim: ['permissions', { issuer: null }],
      issuers: [
        '[{"issuer":"https://ci.example","tenant":"ci","scopes":["credentials:use"],"require":{"repository":"acme/*"}}]',
        {
          issuers: [
            {
              issuer: 'https://ci.example',
              audience: null,
              tenant: 'ci',
              userClaim: 'sub',
              scopeClaim: null,
              granted: { scopes: ['credentials:use'], required: { repository: ['acme/*'] } },
            },
          ],
        },
      ],
      trustedProxies: ['10.0.0.0/8, ::1', { trustedProxies: ['10.0.0.0/8', '::1'] }],
      rateLimit: ['20', { rateLimit: 20 }],
      maxConnections: ['30', { maxConnections: 30 }],
      maxCalls: ['4', { maxCalls: 4 }],
      maxCredentials: ['50', { maxCredentials: 50 }],
      signInClientId: ['pages', { signIn: { clientId: 'pages', clientSecret: null } }],
      signInClientSecret: ['hidden', { signIn: null }],
    } as const satisfies Record<keyof typeof options, unknown>;
    for (const [name, [text, expected]] of Object.entries(given)) {
      const spec = options[name as keyof typeof options];
      expect(readConfig(none, { [spec.variable]: text }), spec.variable).toMatchObject(expected);
      const flag = flagOf(spec);
      if (flag !== undefined) expect(readConfig(new Map([[flag, text]]), {}), flag).toMatchObject(expected);
    }
  });

  it('lets a flag win over the environment, and takes an empty variable for none', () => {
    expect(readConfig(new Map([['--port', '1']]), { KEYWARD_PORT: '2' }).port).toBe(1);
    expect(readConfig(none, { KEYWARD_PORT: '', KEYWARD_ISSUER: '' })).toMatchObject({ port: 7355, issuer: null });
  });

  it('112. refuses an empty key, key file or passphrase: another key would be made unseen in its place', () => {
    for (const name of ['KEYWARD_KEY', 'KEYWARD_KEY_FILE', 'KEYWARD_PASSPHRASE']) {
      expect(() => readConfig(none, { [name]: '' }, 'http'), name).toThrow(`${name} is empty`);
      expect(() => readConfig(none, { [name]: '' }, null), name).toThrow(`${name} is empty`);
      // The Claude Desktop bundle has no other way to say that its user left the field alone.
      expect(readConfig(none, { [name]: '', KEYWARD_BUNDLE: '1' }).key, name).toEqual({});
    }
  });

  it('takes an empty passphrase for none over stdio: MCP clients hand on what their user left empty', () => {
    expect(readConfig(none, { KEYWARD_PASSPHRASE: '' }).key).toEqual({});
    expect(() => readConfig(none, { KEYWARD_KEY: '' })).toThrow('KEYWARD_KEY is empty');
  });

  it.each([
    `$\{HOME}/keyward`,
    `$\{env:KEYWARD_PASSPHRASE}`,
    '$HOME/keyward',
    '$KEYWARD_PASSPHRASE',
    '%USERPROFILE%\\keyward',
    '{{passphrase}}',
  ])('refuses the placeholder %s, which nobody filled in, in every option and in a client', (value) => {
    const problem = 'holds a placeholder that was not filled in';
    for (const { variable } of Object.values(options)) {
      expect(() => readConfig(none, { [variable]: value }), variable).toThrow(`${variable} ${problem}`);
    }
    const client = { KEYWARD_AUTH_GITHUB_CLIENT_ID: 'id', KEYWARD_AUTH_GITHUB_CLIENT_SECRET: value };
    expect(() => readConfig(none, client)).toThrow(`KEYWARD_AUTH_GITHUB_CLIENT_SECRET ${problem}`);
    expect(() => readConfig(new Map([['--home', value]]), {})).toThrow(`--home ${problem}`);
  });

  it('takes percent signs and dollars that are no placeholder as they are', () => {
    for (const passphrase of ['100%sure% of $5', 'a$HOME', '%41%42%43', '5% and 6%']) {
      expect(readConfig(none, { KEYWARD_PASSPHRASE: passphrase }).key, passphrase).toEqual({ passphrase });
    }
    const url = 'postgres://u:p%40ss%2Fw@h/d';
    expect(readConfig(none, { KEYWARD_STORE: url }).store).toEqual({ kind: 'postgres', url });
  });

  it('112. knows when keyward http would have its vault and a key file below one folder', () => {
    const one = (env: NodeJS.ProcessEnv, mode: 'http' | 'stdio' = 'http') => readConfig(none, env, mode).servesOneTree;
    expect(one({ KEYWARD_HOME: '/srv/keyward' })).toBe(true);
    expect(one({ KEYWARD_HOME: '/srv/keyward', KEYWARD_STORE: 'file:/srv/keyward/elsewhere/vault' })).toBe(true);
    expect(one({ KEYWARD_HOME: '/srv/keyward', KEYWARD_STORE: 'file:/var/lib/keyward/vault' })).toBe(false);
    expect(one({ KEYWARD_HOME: '/srv/keyward', KEYWARD_STORE: 'postgres://h/d' })).toBe(false);
    expect(one({ KEYWARD_HOME: '/srv/keyward' }, 'stdio')).toBe(false);
    expect(one({})).toBe(false);
  });

  it('takes a setting that a bundle left unfilled for none, so that it never becomes the passphrase', () => {
    expect(readConfig(none, { KEYWARD_PASSPHRASE: `$\{user_config.passphrase}` }).key).toEqual({});
  });

  it('has no flag for a secret, because every user of the computer can read arguments', () => {
    const secrets = describeOptions().filter(({ flag }) => flag === undefined);
    expect(secrets.map(({ variable }) => variable.split(',')[0])).toEqual([
      'KEYWARD_KEY',
      'KEYWARD_PASSPHRASE',
      'KEYWARD_SIGN_IN_CLIENT_SECRET',
      'KEYWARD_AUTH_<CONNECTOR>_CLIENT_ID',
    ]);
  });

  it('takes the URL of a database with a password from the environment only', () => {
    const url = 'postgres://kw:secret@db.example/kw';
    expect(readConfig(none, { KEYWARD_STORE: url }).store).toEqual({ kind: 'postgres', url });
    expect(Object.keys(problemsOf({}, new Map([['--store', url]])))).toEqual(['--store']);
    const bare = 'postgresql://kw@db.example/kw';
    expect(readConfig(new Map([['--store', bare]]), {}).store).toEqual({ kind: 'postgres', url: bare });
  });

  it('refuses a bad value of every option that has a rule', () => {
    const bad: Record<string, readonly string[]> = {
      KEYWARD_STORE: ['/v/vault.json', 'file:', 'sqlite:x', 'postgres:u', 'postgres://[u'],
      KEYWARD_HOST: ['0.0.0.0', '192.168.1.1', 'example.com', '127.1', '::'],
      KEYWARD_ISSUER: ['id', 'http://id.example', 'https://id.example/?a=b'],
      KEYWARD_PORT: ['0', '65536', '80.5', 'http', '-1', '1e3'],
      KEYWARD_PUBLIC_URL: [
        'kw.example',
        'http://kw.example',
        'https://u:p@kw.example',
        'https://kw.example/#f',
        'https://kw.example/?q',
        'https://kw.example/base',
        'ftp://x',
      ],
      KEYWARD_REDIRECT_URIS: ['//evil', 'javascript:alert(1)', 'http://evil.example', 'https://a.example, x'],
      KEYWARD_EGRESS_ALLOW: ['http://a', 'a/b', 'a:0', 'a:99999', '::1', '*'],
      KEYWARD_TRUSTED_PROXIES: ['proxy', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0.0/'],
      KEYWARD_RATE_LIMIT: ['0', '-1', '1.5', 'none'],
      KEYWARD_SECRET_INPUT: ['none', 'ANY'],
      KEYWARD_RELEASE: ['yes', 'approve '],
      KEYWARD_ANY_HOST: ['ask'],
      KEYWARD_HOSTS_ALLOW: ['*', '*.', 'https://a', 'a.*', '*.a/b', '*.a:1'],
      KEYWARD_ISSUERS: badIssuers,
    };
    for (const [variable, values] of Object.entries(bad)) {
      for (const value of values) expect(Object.keys(problemsOf({ [variable]: value })), value).toEqual([variable]);
    }
  });

  it.each([
    '0.0.0.0/0',
    '::/0',
    '10.0.0.1, 0.0.0.0/7',
    '128.0.0.0/1',
    '2000::/3',
    '::ffff:0.0.0.0/96',
    '::ffff:0:0/100',
  ])('100. does not believe half the world as a proxy: %s', (value) => {
    expect(problemsOf({ KEYWARD_TRUSTED_PROXIES: value })).toEqual({
      KEYWARD_TRUSTED_PROXIES: expect.stringContaining('must be no range larger than /8'),
    });
  });

  it('100. believes single addresses and ranges of one’s own', () => {
    const own = ['10.0.0.0/8', '172.16.0.0/12', 'fd00::/8', '::1', '::ffff:10.0.0.1', '203.0.113.7'];
    expect(readConfig(none, { KEYWARD_TRUSTED_PROXIES: own.join(',') }).trustedProxies).toEqual(own);
  });

  it('names every problem at once', () => {
    const problems = problemsOf(
      { KEYWARD_RELEASE: 'x', KEYWARD_KEY: 'a', KEYWARD_KEY_FILE: 'b', KEYWARD_FOO: '1' },
      new Map([['--port', 'x']]),
    );
    expect(Object.keys(problems)).toEqual([
      '--port',
      'KEYWARD_RELEASE',
      'KEYWARD_KEY, KEYWARD_KEY_FILE',
      'KEYWARD_FOO',
    ]);
  });

  it('6. refuses to listen beyond loopback over stdio, and over HTTP without an https public URL', () => {
    expect(Object.keys(problemsOf({ KEYWARD_HOST: '0.0.0.0' }))).toEqual(['KEYWARD_HOST']);
    const http = (env: NodeJS.ProcessEnv) => readConfig(none, env, 'http');
    expect(() => http({ KEYWARD_HOST: '0.0.0.0' })).toThrow(KeywardError);
    expect(() => http({ KEYWARD_HOST: '::', KEYWARD_PUBLIC_URL: 'http://127.0.0.1:1' })).toThrow(KeywardError);
    expect(http({ KEYWARD_HOST: '0.0.0.0', KEYWARD_PUBLIC_URL: 'https://kw.example' }).host).toBe('0.0.0.0');
    expect(() => http({ KEYWARD_PUBLIC_URL: 'https://kw.example/path' })).toThrow(KeywardError);
    expect(() => http({ KEYWARD_AUDIENCE: 'api' })).toThrow(KeywardError);
    expect(http({}).release).toBe('allow');
    expect(http({}).anyHost).toBe('allow');
    expect(http({ KEYWARD_RELEASE: 'never' }).anyHost).toBe('page');
  });

  it('names the nearest option for one that does not exist', () => {
    expect(problemsOf({ KEYWARD_KEYFILE: 'x' })).toEqual({
      KEYWARD_KEYFILE: expect.stringContaining('KEYWARD_KEY_FILE'),
    });
    expect(problemsOf({ KEYWARD_COMPLETELY_DIFFERENT: 'x' })).toEqual({
      KEYWARD_COMPLETELY_DIFFERENT: 'is not an option',
    });
  });

  it('reads default auth configs by connector', () => {
    const { authConfigs } = readConfig(none, {
      KEYWARD_AUTH_CUSTOM_ACME_CLIENT_ID: 'public',
      KEYWARD_AUTH_GOOGLE_DRIVE_CLIENT_ID: 'id',
      KEYWARD_AUTH_GOOGLE_DRIVE_CLIENT_SECRET: 'secret',
    });
    expect(authConfigs.get(connectorVariable('custom.acme'))).toEqual({ clientId: 'public', clientSecret: null });
    expect(authConfigs.get(connectorVariable('google-drive'))).toEqual({ clientId: 'id', clientSecret: 'secret' });
  });

  it('refuses a client secret without its client id', () => {
    const problems = problemsOf({ KEYWARD_AUTH_ACME_CLIENT_SECRET: 's', KEYWARD_AUTH_ACME_CLIENT_ID: '' });
    expect(problems).toEqual({
      KEYWARD_AUTH_ACME_CLIENT_SECRET: expect.stringContaining('KEYWARD_AUTH_ACME_CLIENT_ID'),
    });
  });

  it('never repeats a value in an error, since it may be a secret in the wrong place', () => {
    const canary = 'canary-5e1f';
    const variables = [...Object.values(options).map((spec) => spec.variable), 'KEYWARD_NEW'];
    const env = Object.fromEntries(variables.map((variable) => [variable, `${canary} @`]));
    expect.assertions(2);
    try {
      readConfig(none, { ...env, KEYWARD_AUTH_X_CLIENT_SECRET: canary });
    } catch (error) {
      expect(error).toBeInstanceOf(KeywardError);
      const { message, hint, details } = error as KeywardError;
      expect(JSON.stringify({ message, hint, details })).not.toContain(canary);
    }
  });
});
