/**
 * Configuration: one table of options, read from flags, then the environment, then defaults. The help text and
 * docs/configuration.md are made from the same table. Every problem is reported at once, and no message repeats a value, because
 * any of them may hold a secret by mistake.
 */
import { join, relative } from 'node:path';
import { closestMatch } from 'leven';
import { KeywardError } from '../errors.ts';
import { hostMatches, isLoopback, type ProxyOption } from '../hosts.ts';
import { type AuthConfigOption, authVariable, connectorVariable, readAuthConfigs } from './auth-configs.ts';
import type { FurtherIssuer } from './issuers.ts';
import { flagOf, type OptionText, options } from './options.ts';
import { proxyVariableWithPassword, readProxy } from './proxy.ts';
import { hasPlaceholder, placeholderProblem, type ShareTenants, type StoreOption } from './values.ts';

export { type AuthConfigOption, connectorVariable, flagOf, options };

/** The system's folders; null for a user who has no home folder, where the package fails as it is loaded. */
const systemFolders = await import('env-paths').then(
  (module) => module.default('keyward', { suffix: '' }),
  () => null,
);

/** How Keyward serves; null for a command that serves nothing. */
export type Mode = 'stdio' | 'http' | null;

export type Config = {
  readonly dataDir: string;
  readonly configDir: string;
  readonly store: StoreOption;
  /**
   * A key or a key file, a passphrase, or one of the two with a passphrase. Without any, the keychain of the OS or a key file
   * in the config dir is used.
   */
  readonly key: { readonly key?: string; readonly keyFile?: string; readonly passphrase?: string };
  /** `keyward http` with the vault and the config dir below one folder, `KEYWARD_HOME`. */
  readonly servesOneTree: boolean;
  readonly host: string;
  readonly port: number;
  /** Origin that OAuth clients register; null means it follows from host and port. */
  readonly publicUrl: string | null;
  /** Address of the document that names this Keyward to authorization servers; null: none. */
  readonly clientMetadataUrl: string | null;
  readonly connectorsDir: string;
  /** By the name that the environment has for a connector: see `connectorVariable`. */
  readonly authConfigs: ReadonlyMap<string, AuthConfigOption>;
  readonly redirectUris: readonly string[];
  readonly egressAllow: readonly string[];
  readonly secretInput: 'any' | 'page';
  readonly release: 'approve' | 'allow' | 'never';
  readonly anyHost: 'page' | 'allow' | 'never';
  /** The only hosts that may be reached, besides `egressAllow`; null: every public one. */
  readonly hostsAllow: readonly string[] | null;
  /** The proxy that services are reached through (`HTTPS_PROXY`, `NO_PROXY`); null: none. */
  readonly proxy: ProxyOption | null;
  /** What people of one tenant may share with another. */
  readonly shareTenants: ShareTenants;
  /** Addresses and ranges of the proxies whose forwarded headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Requests that one user may make in a minute over HTTP. */
  readonly rateLimit: number;
  /** Connections that one address may hold at once over HTTP. */
  readonly maxConnections: number;
  /** Calls of services that one user may have under way at once. */
  readonly maxCalls: number;
  /** Credentials that one user may keep. */
  readonly maxCredentials: number;
  /** The issuer whose JWTs are accepted over HTTP, and what is read from them; null accepts session tokens only. */
  readonly issuer: IssuerOption | null;
  /** Whose JWTs are accepted over HTTP besides; nobody signs in to the pages there. */
  readonly issuers: readonly FurtherIssuer[];
  /** The OpenID Connect client that signs people in to the pages, at the same issuer; null: they sign in with a code. */
  readonly signIn: AuthConfigOption | null;
};

type IssuerOption = {
  readonly issuer: string;
  /** Null means the URL of the MCP endpoint. */
  readonly audience: string | null;
  readonly tenantClaim: string | null;
  readonly userClaim: string;
  /** Null means `scope`, else `scp`. */
  readonly scopeClaim: string | null;
};

type Name = keyof typeof options;
type Values = { -readonly [K in Name]?: ReturnType<(typeof options)[K]['parse']> };

/** Every option in words, for the help and the docs. */
export function describeOptions(): readonly OptionText[] {
  const fixed = Object.values(options).map((spec) => ({ ...spec, flag: flagOf(spec) }));
  const authConfig = {
    variable: 'KEYWARD_AUTH_<CONNECTOR>_CLIENT_ID, KEYWARD_AUTH_<CONNECTOR>_CLIENT_SECRET',
    value: 'text',
    flag: undefined,
    help: 'a default auth config: the OAuth client for one connector (google-drive is GOOGLE_DRIVE), or for all of a vendor (GOOGLE, MICROSOFT, ATLASSIAN, ZOHO)',
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

/** Set by the Claude Desktop bundle, whose settings come as empty texts when its user left them alone. */
const bundleVariable = 'KEYWARD_BUNDLE';

/**
 * The configuration from flags (`--port` → text) and the environment; an empty value counts as none, but for a key or a
 * passphrase, in whose place another key would be made unseen. What may be combined, and the default of `release`,
 * depends on how Keyward serves.
 *
 * @param onProblems is told, by option, what is wrong; what it lets pass gets its default
 * @throws KeywardError `config_invalid` by default; `details.fields` names each option that has a problem.
 */
export function readConfig(
  flags: ReadonlyMap<string, string>,
  env: NodeJS.ProcessEnv,
  mode: Mode = 'stdio',
  onProblems: (problems: Readonly<Record<string, string>>) => void = refuse,
): Config {
  const problems: Record<string, string> = {};
  const values: Values = {};
  const readOption = <K extends Name>(name: K): void => {
    const spec = options[name];
    const flag = flagOf(spec);
    const fromFlag = flag === undefined ? undefined : flags.get(flag);
    const needsValue = spec.neverEmpty === 'anywhere' || (spec.neverEmpty !== undefined && mode !== 'stdio');
    if (fromFlag === undefined && env[spec.variable] === '' && needsValue && env[bundleVariable] === undefined) {
      problems[spec.variable] = 'is empty: give it a value, or unset it';
    }
    const text = fromFlag ?? given(env[spec.variable]);
    if (text === undefined) return;
    try {
      if (hasPlaceholder(text)) throw new KeywardError('config_invalid', placeholderProblem);
      if (fromFlag !== undefined && spec.holdsSecret?.(text)) {
        throw new KeywardError(
          'config_invalid',
          `must hold no password, which others could read: set ${spec.variable}`,
        );
      }
      values[name] = spec.parse(text) as Values[K];
    } catch (error) {
      if (!(error instanceof KeywardError)) throw error;
      problems[(fromFlag === undefined ? spec.variable : flag) ?? spec.variable] = error.message;
    }
  };
  for (const name of Object.keys(options) as Name[]) readOption(name);

  if (values.key !== undefined && values.keyFile !== undefined) {
    problems[`${options.key.variable}, ${options.keyFile.variable}`] = 'are alternatives: set one of them';
  }
  const authConfigs = readAuthConfigs(env, problems);
  const proxy = readProxy(env, problems);
  nameUnknown(env, problems);
  checkListening(values, mode, problems);
  if (values.home === undefined && systemFolders === null && !(options.home.variable in problems)) {
    problems[options.home.variable] = 'must be set: this user has no home folder to keep anything in';
  }
  if (Object.keys(problems).length > 0) onProblems(problems);
  return finalise(values, authConfigs, proxy, mode);
}

/**
 * A variable's value; undefined when it is empty, or the placeholder of a setting that the user of a Claude Desktop
 * bundle left alone: taken at its word, that would be a passphrase which everybody knows.
 */
function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' || /^\$\{user_config\.\w+\}$/.test(value) ? undefined : value;
}

function refuse(problems: Readonly<Record<string, string>>): never {
  throw configProblems(problems);
}

/** One error out of all problems, each on a line of its own. */
export function configProblems(problems: Readonly<Record<string, string>>): KeywardError {
  const lines = Object.entries(problems).map(([name, problem]) => `  ${name} ${problem}`);
  return new KeywardError('config_invalid', `Keyward can't start with these options:\n${lines.join('\n')}`, {
    hint: 'keyward --help lists every option.',
    details: { fields: problems },
  });
}

function finalise(values: Values, authConfigs: Config['authConfigs'], proxy: Config['proxy'], mode: Mode): Config {
  const { home } = values;
  // Without either, there was a problem before.
  const folders = home === undefined ? systemFolders : { data: join(home, 'data'), config: join(home, 'config') };
  const { data: dataDir, config: configDir } = folders ?? { data: '', config: '' };
  const release = values.release ?? (mode === 'http' ? 'allow' : 'approve');
  const store = values.store ?? { kind: 'file', path: join(dataDir, 'vault.json') };
  return {
    dataDir,
    configDir,
    store,
    servesOneTree: mode === 'http' && store.kind === 'file' && isBelow(values.home, store.path),
    key: {
      ...(values.key !== undefined && { key: values.key }),
      ...(values.keyFile !== undefined && { keyFile: values.keyFile }),
      ...(values.passphrase !== undefined && { passphrase: values.passphrase }),
    },
    host: values.host ?? '127.0.0.1',
    port: values.port ?? 7355,
    publicUrl: values.publicUrl ?? null,
    clientMetadataUrl: values.clientMetadataUrl ?? null,
    connectorsDir: values.connectorsDir ?? join(configDir, 'connectors'),
    authConfigs,
    redirectUris: values.redirectUris ?? [],
    egressAllow: values.egressAllow ?? [],
    secretInput: values.secretInput ?? 'any',
    release,
    anyHost: values.anyHost ?? (release === 'allow' ? 'allow' : 'page'),
    hostsAllow: values.hostsAllow ?? null,
    proxy,
    shareTenants: values.shareTenants ?? { offers: false, pairs: [] },
    trustedProxies: values.trustedProxies ?? [],
    rateLimit: values.rateLimit ?? 6_000,
    maxConnections: values.maxConnections ?? 200,
    maxCalls: values.maxCalls ?? 8,
    maxCredentials: values.maxCredentials ?? 1_000,
    issuer: issuerOf(values),
    issuers: values.issuers ?? [],
    signIn: signInOf(values),
  };
}

function isBelow(folder: string | undefined, file: string): boolean {
  return folder !== undefined && !relative(folder, file).startsWith('..');
}

/** What the address demands of the other options. Whether there is a session token, only the vault knows. */
function checkListening({ host, publicUrl, ...values }: Values, mode: Mode, problems: Record<string, string>): void {
  const beyond = host !== undefined && !isLoopback(host);
  if (mode === 'stdio' && beyond) problems[options.host.variable] = 'must be a loopback address over stdio';
  if (mode !== 'http') return;
  if (beyond && !publicUrl?.startsWith('https:') && !(options.publicUrl.variable in problems)) {
    problems[options.publicUrl.variable] = 'must be the https URL in front of Keyward when it listens beyond loopback';
  }
  if (publicUrl !== undefined && new URL(publicUrl).origin !== publicUrl) {
    problems[options.publicUrl.variable] = 'must have no path with keyward http';
  }
  const further = (values.issuers ?? []).map(({ issuer }) => issuer);
  if (values.issuer !== undefined && further.includes(values.issuer)) {
    problems[options.issuers.variable] = 'must not name the issuer of KEYWARD_ISSUER again';
  }
  const allowed = [...(values.hostsAllow ?? []), ...(values.egressAllow ?? [])];
  for (const issuer of values.hostsAllow === undefined ? [] : [values.issuer ?? [], further].flat()) {
    const url = new URL(issuer);
    if (allowed.some((entry) => hostMatches(url, entry))) continue;
    const option = issuer === values.issuer ? options.issuer : options.issuers;
    problems[options.hostsAllow.variable] = `must name ${url.host} too, a host of ${option.variable}`;
  }
  if (values.signInClientSecret !== undefined && values.signInClientId === undefined) {
    problems[options.signInClientSecret.variable] = 'needs KEYWARD_SIGN_IN_CLIENT_ID beside it';
  }
  if (values.issuer !== undefined || options.issuer.variable in problems) return;
  for (const name of ['audience', 'tenantClaim', 'userClaim', 'scopeClaim', 'signInClientId'] as const) {
    if (values[name] !== undefined) problems[options[name].variable] = 'needs KEYWARD_ISSUER beside it';
  }
}

function issuerOf({ issuer, audience, tenantClaim, userClaim, scopeClaim }: Values): IssuerOption | null {
  if (issuer === undefined) return null;
  return {
    issuer,
    audience: audience ?? null,
    tenantClaim: tenantClaim ?? null,
    userClaim: userClaim ?? 'sub',
    scopeClaim: scopeClaim ?? null,
  };
}

function signInOf({ signInClientId, signInClientSecret }: Values): Config['signIn'] {
  return signInClientId === undefined ? null : { clientId: signInClientId, clientSecret: signInClientSecret ?? null };
}

/** Names of the variables of this environment that hold a secret. */
export function secretVariables(env: NodeJS.ProcessEnv): string[] {
  const known = Object.values(options).filter((spec) => {
    const value = env[spec.variable];
    return value && (spec.secret || spec.holdsSecret?.(value));
  });
  const authConfigs = Object.keys(env).filter((name) => name.startsWith('KEYWARD_AUTH_') && env[name]);
  return [...known.map(({ variable }) => variable), ...authConfigs, ...proxyVariableWithPassword(env)];
}

function nameUnknown(env: NodeJS.ProcessEnv, problems: Record<string, string>): void {
  const known = [...Object.values(options).map((spec) => spec.variable), bundleVariable];
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('KEYWARD_') || known.includes(variable) || authVariable.test(variable)) continue;
    problems[variable] = unknownOption(variable, known);
  }
}
