/** The house of Keyward: which part may import which, who may reach the network, and how long a file may get. */
import { readdir, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../src/', import.meta.url);

/** Part → the parts that it may import, besides itself and the leaves. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  main: ['cli'],
  cli: ['config', 'mcp', 'http', 'broker', 'connectors', 'vault', 'store', 'net'],
  config: [],
  mcp: ['broker'],
  http: ['broker'],
  broker: ['vault', 'connectors', 'net'],
  connectors: [],
  vault: ['store', 'seal'],
  store: ['seal'],
  seal: [],
  net: [],
};

/**
 * Inside a part: room → the rooms of that part that it may import. A room is a folder; a file that lies in none is a room
 * of its own.
 */
const rooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  broker: {
    input: [],
    oauth: [],
    broker: ['policy'],
    policy: ['broker', 'input'],
    visitors: ['broker', 'input', 'policy'],
    approvals: ['broker', 'input', 'policy', 'visitors'],
    'sign-in': ['authorization', 'broker', 'input', 'oauth', 'policy', 'visitors'],
    authorization: ['broker', 'input', 'policy', 'visitors'],
    grants: ['broker', 'input', 'oauth', 'policy'],
    'mcp-servers': ['broker', 'grants', 'input', 'policy'],
    calls: ['approvals', 'broker', 'grants', 'input', 'mcp-servers', 'oauth', 'policy'],
    credentials: ['approvals', 'broker', 'calls', 'grants', 'input', 'mcp-servers', 'oauth', 'policy', 'visitors'],
    connect: ['broker', 'credentials', 'grants', 'input', 'oauth', 'policy', 'visitors'],
    ending: ['approvals', 'authorization', 'broker', 'connect', 'credentials', 'grants', 'policy', 'sign-in'],
    'create-broker': ['broker', 'grants', 'policy'],
  },
  http: {
    addresses: [],
    listener: [],
    'request-env': ['listener'],
    pages: [],
    'pages/sign-in': ['pages', 'request-env'],
    'pages/connect': ['pages'],
    'pages/home': ['pages', 'pages/connect', 'pages/sign-in'],
    'pages/approvals': ['pages', 'pages/home'],
    middleware: ['listener', 'pages', 'request-env'],
    auth: ['listener', 'middleware', 'request-env'],
    authorization: ['auth', 'middleware', 'pages', 'pages/sign-in', 'request-env'],
    ops: ['auth', 'middleware'],
    rest: ['addresses', 'listener', 'middleware'],
    gateway: ['addresses', 'auth', 'listener', 'middleware'],
    mcp: ['auth', 'listener', 'middleware'],
    loopback: ['listener', 'middleware', 'pages', 'pages/approvals', 'pages/connect', 'pages/home', 'pages/sign-in'],
    'own-gateway': ['auth', 'gateway', 'listener', 'loopback', 'middleware'],
    service: [
      'auth',
      'authorization',
      'gateway',
      'listener',
      'mcp',
      'middleware',
      'ops',
      'pages/approvals',
      'pages/connect',
      'pages/home',
      'pages/sign-in',
      'rest',
    ],
  },
};

/** Rooms that may import fewer parts than theirs: the protocol knows neither who asks nor where secrets are kept. */
const narrower: Readonly<Record<string, readonly string[]>> = { 'broker/oauth': ['connectors', 'net'] };

/** Parts that anyone may import and that import nobody. */
const leaves = [
  'bounded-map',
  'errors',
  'header-names',
  'hosts',
  'in-parallel',
  'json',
  'log',
  'principal',
  'repeats',
  'text',
  'trusted-files',
  'version',
];

/** Package → the only parts that may import it. */
const packages: Readonly<Record<string, readonly string[]>> = {
  undici: ['net'],
  '@modelcontextprotocol/client': ['broker'],
  '@modelcontextprotocol/server': ['mcp'],
  hono: ['http'],
  '@hono/node-server': ['http'],
  'simple-icons': ['http'],
  'openid-client': ['broker'],
  '@simplewebauthn/server': ['broker'],
  'oidc-provider': ['http'],
  lowdb: ['store'],
  pg: ['store'],
  kysely: ['store'],
  'libsodium-wrappers': ['seal'],
  'libsodium-wrappers-sumo': ['seal'],
  '@napi-rs/keyring': ['seal'],
  'fs-native-extensions': ['store'],
  'env-paths': ['config'],
  pino: ['log'],
};

/** What opens a connection: node's own names for it, and the globals. */
const networkModules = /^node:(http|https|http2|net|tls|dgram)$/;
const connecting = /^(request|get|connect|createConnection|Socket|Agent|ClientRequest|createSocket|TLSSocket|default)$/;
const connectingGlobals = /(?<![.\w$])(fetch\s*\(|new\s+(WebSocket|EventSource|XMLHttpRequest)\b)/;

/** Texts that a browser runs, on Keyward's own pages: what they fetch is Keyward. */
const browserScripts = ['http/pages/script.ts'];

type Import = { readonly from: string; readonly names: readonly string[] };
type Source = {
  readonly file: string;
  readonly part: string;
  readonly text: string;
  readonly imports: readonly Import[];
};

const sources = await readAll(['.'], root);

/** The TypeScript files below these folders; their paths are relative to src/. */
async function readAll(folders: readonly string[], base: URL): Promise<Source[]> {
  const found = folders.map(async (folder) => {
    const names = (await readdir(new URL(`${folder}/`, base), { recursive: true })).filter((name) =>
      name.endsWith('.ts'),
    );
    return names.map((name) => new URL(`${folder}/${name.replaceAll('\\', '/')}`, base));
  });
  return Promise.all(
    (await Promise.all(found)).flat().map(async (url) => {
      const text = await readFile(url, 'utf8');
      const file = posix.relative(root.pathname, url.pathname);
      return { file, part: partOf(file), text, imports: importsOf(text) };
    }),
  );
}

/** `broker/oauth/refresh.ts` → `broker`; `errors.ts` → `errors`. */
function partOf(file: string): string {
  return file.split('/')[0]?.replace(/\.ts$/, '') ?? '';
}

/** `broker/oauth/refresh.ts` → `oauth`; `broker/broker.ts` → `broker`. */
function roomOf(file: string): string {
  const inside = file.split('/').slice(1);
  return inside.length === 1 ? (inside[0] ?? '').replace(/\.ts$/, '') : inside.slice(0, -1).join('/');
}

/** Static, type-only and dynamic imports, and re-exports. */
function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const statements = code.matchAll(/^\s*(?:import|export)\b([^;'"]*?)\bfrom\s+'([^']+)'/gm);
  const bare = code.matchAll(/^\s*import\s+'([^']+)'/gm);
  const dynamic = code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g);
  return [
    ...[...statements].map(([, clause, from]) => ({ from: from ?? '', names: namesOf(clause ?? '') })),
    ...[...bare].map(([, from]) => ({ from: from ?? '', names: [] })),
    ...[...dynamic].map(([, from]) => ({ from: from ?? '', names: ['default'] })),
  ];
}

/** Names that an import takes as values; a namespace or default import counts as `default`. */
function namesOf(clause: string): string[] {
  if (/^\s*type\b/.test(clause)) return [];
  const [, braces] = /\{([^}]*)\}/.exec(clause) ?? [];
  const outside = clause.replace(/\{[^}]*\}/, '').replace(/[\s,]/g, '');
  const named = (braces ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '))
    .map((name) => name.split(/\s+as\s+/)[0] ?? name);
  return outside === '' ? named : [...named, 'default'];
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Source file that an import names, relative to src/; undefined for packages and Node's modules. */
function targetOf(file: string, from: string): string | undefined {
  if (!from.startsWith('.')) return undefined;
  return posix.join(posix.dirname(file), from).replace(/^\.\.\/src\//, '');
}

/** What a module declares for others. */
const exported = /^export (?:async )?(?:function\*?|const|let|class|type|interface) (\w+)/gm;

/** Who imports this file, or a file that passes it on. */
function usersOf(file: string, importers: ReadonlyMap<string, readonly Source[]>): Source[] {
  return (importers.get(file) ?? []).flatMap((user) =>
    /^export\b[^;]*\bfrom\b/m.test(user.text) ? [user, ...usersOf(user.file, importers)] : [user],
  );
}

function packageOf(from: string): string {
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
}

/** `file: reason` of every import that breaks the rule. */
function broken(rule: (source: Source, imported: Import) => string | undefined): string[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((imported) => {
      const reason = rule(source, imported);
      return reason === undefined ? [] : [`${source.file}: ${reason}`];
    }),
  );
}

describe('architecture', () => {
  it('knows every file and folder of src', () => {
    const known = [...Object.keys(arrows), ...leaves];
    expect(sources.filter(({ part }) => !known.includes(part)).map(({ file }) => file)).toEqual([]);
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(20);
  });

  it('lets imports run along the arrows only', () => {
    const offenders = broken(({ file, part }, { from }) => {
      const target = targetOf(file, from);
      if (target === undefined || target === '../package.json') return undefined;
      const to = partOf(target);
      const allowed = to === part || leaves.includes(to) || arrows[part]?.includes(to);
      return allowed ? undefined : `${part} must not import ${to} (${from})`;
    });
    expect(offenders).toEqual([]);
  });

  it('lets imports run along the arrows between the rooms of a part', () => {
    const offenders = broken(({ file, part }, { from }) => {
      const target = targetOf(file, from);
      const table = rooms[part];
      if (table === undefined || target === undefined || partOf(target) !== part) return undefined;
      const [room, to] = [roomOf(file), roomOf(target)];
      return to === room || table[room]?.includes(to) ? undefined : `${part}/${room} must not import ${part}/${to}`;
    });
    const tooWide = broken(({ file, part }, { from }) => {
      const [target, parts] = [targetOf(file, from), narrower[`${part}/${roomOf(file)}`]];
      if (target === undefined || parts === undefined) return undefined;
      const to = partOf(target);
      return [part, ...leaves, ...parts].includes(to) ? undefined : `must not import ${to} (${from})`;
    });
    expect([...offenders, ...tooWide]).toEqual([]);
  });

  it('exports only what another file uses', async () => {
    const importers = new Map<string, Source[]>();
    for (const source of [...sources, ...(await readAll(['test', 'scripts'], new URL('../', root)))]) {
      const targets = new Set(source.imports.map(({ from }) => targetOf(source.file, from) ?? ''));
      for (const target of targets) importers.set(target, [...(importers.get(target) ?? []), source]);
    }
    const unused = sources.flatMap(({ file, text }) => {
      const users = usersOf(file, importers);
      const names = Array.from(text.matchAll(exported), ([, name = '']) => name);
      const isUsed = (name: string) => users.some((user) => new RegExp(`\\b${name}\\b`).test(user.text));
      return names.filter((name) => !isUsed(name)).map((name) => `${file}: ${name}`);
    });
    expect(unused).toEqual([]);
  });

  it('has leaves that import no other part', () => {
    const offenders = broken(({ file, part }, { from }) => {
      const target = targetOf(file, from);
      const fine = !leaves.includes(part) || target === undefined || target === '../package.json';
      return fine ? undefined : `a leaf must not import ${from}`;
    });
    expect(offenders).toEqual([]);
  });

  it('keeps each library in its own part', () => {
    const offenders = broken(({ part }, { from }) => {
      const owners = packages[packageOf(from)];
      return owners === undefined || owners.includes(part) ? undefined : `${from} belongs to ${owners.join(', ')}`;
    });
    expect(offenders).toEqual([]);
  });

  it('opens outbound connections in net only', () => {
    const byImport = broken(({ part }, { from, names }) => {
      if (part === 'net' || !networkModules.test(from)) return undefined;
      const name = names.find((imported) => connecting.test(imported));
      return name === undefined ? undefined : `takes ${name} from ${from}`;
    });
    const byGlobal = sources
      .filter(({ file, part }) => part !== 'net' && !browserScripts.includes(file))
      .filter(({ text }) => connectingGlobals.test(withoutComments(text)))
      .map(({ file }) => `${file}: uses fetch or another global that connects`);
    expect([...byImport, ...byGlobal]).toEqual([]);
  });

  it('writes to stdout from the command line and the stdio transport only', () => {
    const writers = sources.filter(({ text }) => /\bprocess\.stdout\b/.test(withoutComments(text)));
    expect(writers.filter(({ part }) => part !== 'cli' && part !== 'mcp').map(({ file }) => file)).toEqual([]);
  });

  it('parses JSON of others in json.ts, which bounds its depth; elsewhere only what Keyward sealed, signed or ships', () => {
    const own = [
      'json.ts',
      'cli/commands/audit.ts',
      'connectors/builtin.ts',
      'store/json/format.ts',
      'seal/native.ts',
      'store/json/rows.ts',
      'store/postgres/ledger.ts',
      'store/postgres/rows.ts',
      'vault/move/archive.ts',
      'vault/audit/audit-chain.ts',
      'vault/audit/audit-ends.ts',
      'vault/audit/audit-verify.ts',
      'vault/open.ts',
      // Keyward's own answer, in a browser.
      ...browserScripts,
    ];
    const parsing = sources.filter(({ text }) => /\bJSON\.parse\b|(?<!\bz)\.json\(\)/.test(withoutComments(text)));
    expect(parsing.map(({ file }) => file).filter((file) => !own.includes(file))).toEqual([]);
  });

  it('has no file over 300 lines', () => {
    const long = sources.filter(({ text }) => text.split('\n').length > 300);
    expect(long.map(({ file }) => file)).toEqual([]);
  });
});
