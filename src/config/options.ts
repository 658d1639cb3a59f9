/** The table of options: name, help, default and rule of each. */
import { readIssuers } from './issuers.ts';
import * as read from './values.ts';

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
  /**
   * Where an empty variable is an error, and not the same as none. MCP clients, which start Keyward over stdio, hand on what
   * their user left empty.
   */
  readonly neverEmpty?: 'anywhere' | 'but over stdio';
  /** For an option that only some values make a secret: true for such a value, which then must not be a flag either. */
  readonly holdsSecret?: (text: string) => boolean;
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
    value: 'file:path|postgres://…',
    help: 'where the vault is: a file, or a PostgreSQL database',
    byDefault: 'file:<data dir>/vault.json',
    holdsSecret: read.hasPassword,
    parse: read.store,
  }),
  key: option({
    variable: 'KEYWARD_KEY',
    value: 'key',
    help: "the vault's outer key: 32 bytes in base64 or hex",
    byDefault: 'the OS keychain, else a key file in the config dir',
    secret: true,
    neverEmpty: 'anywhere',
    parse: read.text,
  }),
  keyFile: option({
    variable: 'KEYWARD_KEY_FILE',
    value: 'file',
    help: 'file that holds the outer key, and that nobody else can read',
    byDefault: 'none',
    neverEmpty: 'anywhere',
    parse: read.path,
  }),
  passphrase: option({
    variable: 'KEYWARD_PASSPHRASE',
    value: 'text',
    help: 'passphrase that the outer key is derived from; together with a key, both are needed',
    byDefault: 'none',
    secret: true,
    neverEmpty: 'but over stdio',
    parse: read.text,
  }),
  host: option({
    variable: 'KEYWARD_HOST',
    value: 'address',
    help: 'address to listen on; other than loopback with keyward http only',
    byDefault: '127.0.0.1',
    parse: read.host,
  }),
  port: option({
    variable: 'KEYWARD_PORT',
    value: 'port',
    help: 'port of keyward http; over stdio, of the OAuth callback',
    byDefault: '7355',
    parse: read.port,
  }),
  publicUrl: option({
    variable: 'KEYWARD_PUBLIC_URL',
    value: 'url',
    help: 'where browsers and clients reach Keyward; OAuth clients register <url>/oauth/callback',
    byDefault: 'http://<host>:<port>',
    parse: read.baseUrl,
  }),
  clientMetadataUrl: option({
    variable: 'KEYWARD_CLIENT_METADATA_URL',
    value: 'url',
    help: 'https address of the document that tells authorization servers who this Keyward is; keyward client-metadata prints what to put there',
    byDefault: 'none; with an https public URL, Keyward serves its own',
    parse: read.documentUrl,
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
    byDefault: 'approve; allow with keyward http',
    parse: read.oneOf('approve', 'allow', 'never'),
  }),
  anyHost: option({
    variable: 'KEYWARD_ANY_HOST',
    value: 'page|allow|never',
    help: 'a host that a call names to connect a service: its owner is asked on a page first, it is reached at once, or it never is',
    byDefault: 'page; allow where KEYWARD_RELEASE is allow',
    parse: read.oneOf('page', 'allow', 'never'),
  }),
  hostsAllow: option({
    variable: 'KEYWARD_HOSTS_ALLOW',
    value: 'hosts',
    help: 'the only hosts that may be reached, as host or *.domain, separated by commas; those of KEYWARD_EGRESS_ALLOW may be, too',
    byDefault: 'every public host',
    parse: read.list(read.hostOrDomain),
  }),
  shareTenants: option({
    variable: 'KEYWARD_SHARE_TENANTS',
    value: 'none|offer|pairs',
    help: 'keyward http: whether connections are shared across tenants. offer: with whoever takes the offer on their page; pairs such as acme>globex, separated by commas: with everybody of globex at once, when somebody of acme shares',
    byDefault: 'none; shares stay within a tenant',
    parse: read.shareTenants,
  }),
  issuer: option({
    variable: 'KEYWARD_ISSUER',
    value: 'url',
    help: 'keyward http: issuer of the JWTs that are accepted as bearer tokens, exactly as it calls itself',
    byDefault: 'none; session tokens only',
    parse: read.issuer,
  }),
  audience: option({
    variable: 'KEYWARD_AUDIENCE',
    value: 'text',
    help: 'keyward http: audience that those JWTs must name',
    byDefault: '<public url>/mcp',
    parse: read.text,
  }),
  tenantClaim: option({
    variable: 'KEYWARD_TENANT_CLAIM',
    value: 'claim',
    help: 'keyward http: claim that names the tenant; a JWT without it is refused',
    byDefault: 'none; everybody is of the tenant "default"',
    parse: read.text,
  }),
  userClaim: option({
    variable: 'KEYWARD_USER_CLAIM',
    value: 'claim',
    help: 'keyward http: claim that names the user',
    byDefault: 'sub',
    parse: read.text,
  }),
  scopeClaim: option({
    variable: 'KEYWARD_SCOPE_CLAIM',
    value: 'claim',
    help: 'keyward http: claim that holds the scopes',
    byDefault: 'scope, else scp',
    parse: read.text,
  }),
  issuers: option({
    variable: 'KEYWARD_ISSUERS',
    value: 'json',
    help: 'keyward http: further issuers whose JWTs are accepted, of workloads above all, as a JSON list; each entry says for whom and how far',
    byDefault: 'none',
    parse: readIssuers,
  }),
  trustedProxies: option({
    variable: 'KEYWARD_TRUSTED_PROXIES',
    value: 'addresses',
    help: 'keyward http: proxies whose forwarded headers are believed, as addresses or ranges (10.0.0.0/8), separated by commas',
    byDefault: 'none',
    parse: read.list(read.proxyRange),
  }),
  rateLimit: option({
    variable: 'KEYWARD_RATE_LIMIT',
    value: 'count',
    help: 'keyward http: requests that one user may make in a minute; one address may make ten times as many',
    byDefault: '6000',
    parse: read.count,
  }),
  maxConnections: option({
    variable: 'KEYWARD_MAX_CONNECTIONS',
    value: 'count',
    help: 'keyward http: connections that one address may hold at once, and requests that a trusted proxy may have under way for one address',
    byDefault: '200',
    parse: read.count,
  }),
  maxCalls: option({
    variable: 'KEYWARD_MAX_CALLS',
    value: 'count',
    help: 'calls of services that one user may have under way at once; through the gateway eight times as many, and 32 times as many streams that wait for events',
    byDefault: '8',
    parse: read.count,
  }),
  maxCredentials: option({
    variable: 'KEYWARD_MAX_CREDENTIALS',
    value: 'count',
    help: 'credentials that one user may keep',
    byDefault: '1000',
    parse: read.count,
  }),
  signInClientId: option({
    variable: 'KEYWARD_SIGN_IN_CLIENT_ID',
    value: 'text',
    help: 'keyward http: OpenID Connect client at KEYWARD_ISSUER that signs people in to the pages; register <public url>/sign-in/callback',
    byDefault: 'none; people sign in with a code',
    parse: read.text,
  }),
  signInClientSecret: option({
    variable: 'KEYWARD_SIGN_IN_CLIENT_SECRET',
    value: 'text',
    help: 'its client secret',
    byDefault: 'none; a public client',
    secret: true,
    parse: read.text,
  }),
};

/** `KEYWARD_KEY_FILE` → `--key-file`; undefined for a secret, which has no flag. */
export function flagOf(spec: Option<unknown>): string | undefined {
  return spec.secret ? undefined : `--${spec.variable.slice('KEYWARD_'.length).toLowerCase().replaceAll('_', '-')}`;
}
