/**
 * Configuration: one table of options, read from flags, then the environment, then defaults. The help text and the
 * README are made from the same table. Every problem is reported at once, and no message repeats a value, because
 * any of them may hold a secret by mistake.
 */
import { join } from 'node:path';
import envPaths from 'env-paths';
import { closestMatch } from 'leven';
import * as read from './config-values.ts';
import { KeywardError } from './errors.ts';

/** An OAuth client from the environment. */
export type AuthConfigOption = { readonly clientId: string; readonly clientSecret: string | null };

export type Config = {
  readonly dataDir: string;
  readonly configDir: string;
  readonly store: { readonly kind: 'file'; readonly path: string };
  /** At most one is set. Without any, the keychain of the OS or a key file in the config dir is used. */
  readonly key: { readonly key?: string; readonly keyFile?: string; readonly passphrase?: string };
  readonly host: string;
  readonly port: number;
  /** Origin that OAuth clients register; null means it follows from host and port. */
  readonly publicUrl: string | null;
  readonly connectorsDir: string;
  /** By the name that the environment has for a connector: see `connectorVariable`. */
  readonly authConfigs: ReadonlyMap<string, AuthConfigOption>;
  readonly redirectUris: readonly string[];
  readonly egressAllow: readonly string[];
  readonly secretInput: 'any' | 'page';
  readonly release: 'approve' | 'allow' | 'never';
};

type Option<T> = {
  /** The environment variable; the flag follows from it. */
  readonly variable: string;
  /** What stands for the value in the help. */
  readonly value: string;
  readonly help: string;
  /** The default in words. */
  readonly byDefault: string;
  /** A secret has no flag: every user of the computer can read the arguments of every process. */
  readonly secret?: boolean;
  /** The value, or a `KeywardError` whose message says what it must be. */
  readonly parse: (text: string) => T;
};

/** One option in words; without `flag` it can be set in the environment only. */
export type OptionText = Pick<Option<unknown>, 'variable' | 'value' | 'help' | 'byDefault'> & {
  readonly flag: string | undefined;
};

const option = <T>(spec: Option<T>): Option<T> => spec;

/** Every option with a fixed name. */
export const options = {
  home: option({
    variable: 'KEYWARD_HOME',
    value: 'dir',
    help: 'keep data and configuration under this one folder',
    byDefault: "the platform's data and config folders",
    parse: read.path,
  }),
  store: option({
    variable: 'KEYWARD_STORE',
    value: 'file:path',
    help: 'where the vault is',
    byDefault: 'file:<data dir>/vault.json',
    parse: read.store,
  }),
  key: option({
    variable: 'KEYWARD_KEY',
    value: 'key',
    help: "the vault's outer key: 32 bytes in base64 or hex",
    byDefault: 'the OS keychain, else a key file in the config dir',
    secret: true,
    parse: read.text,
  }),
  keyFile: option({
    variable: 'KEYWARD_KEY_FILE',
    value: 'file',
    help: 'file that holds the outer key',
    byDefault: 'none',
    parse: read.path,
  }),
  passphrase: option({
    variable: 'KEYWARD_PASSPHRASE',
    value: 'text',
    help: 'passphrase that the outer key is derived from',
    byDefault: 'none',
    secret: true,
    parse: read.text,
  }),
  host: option({
    variable: 'KEYWARD_HOST',
    value: 'address',
    help: 'loopback address that pages and OAuth callbacks are served on',
    byDefault: '127.0.0.1',
    parse: read.loopbackHost,
  }),
  port: option({
    variable: 'KEYWARD_PORT',
    value: 'port',
    help: 'port of the OAuth callback',
    byDefault: '7355',
    parse: read.port,
  }),
  publicUrl: option({
    variable: 'KEYWARD_PUBLIC_URL',
    value: 'url',
    help: 'what OAuth clients register: <url>/oauth/callback',
    byDefault: 'http://<host>:<port>',
    parse: read.baseUrl,
  }),
  connectorsDir: option({
    variable: 'KEYWARD_CONNECTORS_DIR',
    value: 'dir',
    help: "folder of the user's own connector files",
    byDefault: '<config dir>/connectors',
    parse: read.path,
  }),
  redirectUris: option({
    variable: 'KEYWARD_REDIRECT_URIS',
    value: 'urls',
    help: 'where redirectUri may point, separated by commas',
    byDefault: 'loopback only',
    parse: read.list(read.redirectUri),
  }),
  egressAllow: option({
    variable: 'KEYWARD_EGRESS_ALLOW',
    value: 'hosts',
    help: 'hosts on private or loopback addresses that may be reached, as host[:port], separated by commas',
    byDefault: 'public addresses only',
    parse: read.list(read.hostAndPort),
  }),
  secretInput: option({
    variable: 'KEYWARD_SECRET_INPUT',
    value: 'any|page',
    help: 'page: secrets are refused in tool arguments',
    byDefault: 'any',
    parse: read.oneOf('any', 'page'),
  }),
  release: option({
    variable: 'KEYWARD_RELEASE',
    value: 'approve|allow|never',
    help: 'how a raw secret is handed to its owner: after approval, at once, or never',
    byDefault: 'approve',
    parse: read.oneOf('approve', 'allow', 'never'),
  }),
};

type Name = keyof typeof options;
type Values = { -readonly [K in Name]?: ReturnType<(typeof options)[K]['parse']> };

/** `KEYWARD_KEY_FILE` → `--key-file`; undefined for a secret, which has no flag. */
export function flagOf(spec: Option<unknown>): string | undefined {
  return spec.secret ? undefined : `--${spec.variable.slice('KEYWARD_'.length).toLowerCase().replaceAll('_', '-')}`;
}

/** Every option in words, for the help and the README. */
export function describeOptions(): readonly OptionText[] {
  const fixed = Object.values(options).map((spec) => ({ ...spec, flag: flagOf(spec) }));
  const authConfig = {
    variable: 'KEYWARD_AUTH_<CONNECTOR>_CLIENT_ID, KEYWARD_AUTH_<CONNECTOR>_CLIENT_SECRET',
    value: 'text',
    flag: undefined,
    help: 'a default auth config: the OAuth client for one connector (google-drive is GOOGLE_DRIVE)',
    byDefault: 'none',
  };
  return [...fixed, authConfig];
}

/** What to say about an option that doesn't exist: with the nearest one, unless that is quite another name. */
export function unknownOption(name: string, known: readonly string[]): string {
  const bare = name.replace(/^(KEYWARD_|--?)/, '');
  const match = closestMatch(name, known, { maxDistance: Math.floor(bare.length / 2) });
  return match === undefined ? 'is not an option' : `is not an option; did you mean ${match}?`;
}

/** How the environment names a connector: `custom.acme` → `CUSTOM_ACME`, `google-drive` → `GOOGLE_DRIVE`. */
export function connectorVariable(connectorId: string): string {
  return connectorId.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}

/**
 * The configuration from flags (`--port` → text) and the environment; an empty value counts as none.
 *
 * @throws KeywardError `config_invalid`; `details.fields` names each option that has a problem.
 */
export function readConfig(flags: ReadonlyMap<string, string>, env: NodeJS.ProcessEnv): Config {
  const problems: Record<string, string> = {};
  const values: Values = {};
  const readOption = <K extends Name>(name: K): void => {
    const spec = options[name];
    const flag = flagOf(spec);
    const fromFlag = flag === undefined ? undefined : flags.get(flag);
    const text = fromFlag ?? given(env[spec.variable]);
    if (text === undefined) return;
    try {
      values[name] = spec.parse(text) as Values[K];
    } catch (error) {
      if (!(error instanceof KeywardError)) throw error;
      problems[(fromFlag === undefined ? spec.variable : flag) ?? spec.variable] = error.message;
    }
  };
  for (const name of Object.keys(options) as Name[]) readOption(name);

  const keySources = (['key', 'keyFile', 'passphrase'] as const).filter((name) => values[name] !== undefined);
  if (keySources.length > 1) {
    problems[keySources.map((name) => options[name].variable).join(', ')] = 'are alternatives: set one of them';
  }
  const authConfigs = readAuthConfigs(env, problems);
  nameUnknown(env, problems);
  if (Object.keys(problems).length > 0) throw configProblems(problems);
  return finalise(values, authConfigs);
}

/**
 * A variable's value; undefined when it is empty, or the placeholder of a setting that the user of a Claude Desktop
 * bundle left alone: taken at its word, that would be a passphrase which everybody knows.
 */
function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' || /^\$\{user_config\.\w+\}$/.test(value) ? undefined : value;
}

/** One error out of all problems, each on a line of its own. */
export function configProblems(problems: Readonly<Record<string, string>>): KeywardError {
  const lines = Object.entries(problems).map(([name, problem]) => `  ${name} ${problem}`);
  return new KeywardError('config_invalid', `Keyward can't start with these options:\n${lines.join('\n')}`, {
    hint: 'keyward --help lists every option.',
    details: { fields: problems },
  });
}

function finalise(values: Values, authConfigs: Config['authConfigs']): Config {
  const folders = envPaths('keyward', { suffix: '' });
  const dataDir = values.home === undefined ? folders.data : join(values.home, 'data');
  const configDir = values.home === undefined ? folders.config : join(values.home, 'config');
  return {
    dataDir,
    configDir,
    store: values.store ?? { kind: 'file', path: join(dataDir, 'vault.json') },
    key: {
      ...(values.key !== undefined && { key: values.key }),
      ...(values.keyFile !== undefined && { keyFile: values.keyFile }),
      ...(values.passphrase !== undefined && { passphrase: values.passphrase }),
    },
    host: values.host ?? '127.0.0.1',
    port: values.port ?? 7355,
    publicUrl: values.publicUrl ?? null,
    connectorsDir: values.connectorsDir ?? join(configDir, 'connectors'),
    authConfigs,
    redirectUris: values.redirectUris ?? [],
    egressAllow: values.egressAllow ?? [],
    secretInput: values.secretInput ?? 'any',
    release: values.release ?? 'approve',
  };
}

const authVariable = /^KEYWARD_AUTH_([A-Z0-9_]+)_CLIENT_(ID|SECRET)$/;

function readAuthConfigs(env: NodeJS.ProcessEnv, problems: Record<string, string>): Config['authConfigs'] {
  const found = new Map<string, AuthConfigOption>();
  for (const [variable, value] of Object.entries(env)) {
    const [, connector, part] = authVariable.exec(variable) ?? [];
    if (connector === undefined || !value) continue;
    const clientId = env[`KEYWARD_AUTH_${connector}_CLIENT_ID`];
    if (part === 'SECRET' && !clientId) problems[variable] = `needs KEYWARD_AUTH_${connector}_CLIENT_ID beside it`;
    if (part === 'ID') {
      found.set(connector, { clientId: value, clientSecret: env[`KEYWARD_AUTH_${connector}_CLIENT_SECRET`] || null });
    }
  }
  return found;
}

function nameUnknown(env: NodeJS.ProcessEnv, problems: Record<string, string>): void {
  const known = Object.values(options).map((spec) => spec.variable);
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('KEYWARD_') || known.includes(variable) || authVariable.test(variable)) continue;
    problems[variable] = unknownOption(variable, known);
  }
}
