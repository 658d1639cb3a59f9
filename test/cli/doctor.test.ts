/** `keyward doctor`: broken set-ups, each of which has to be named together with what mends it. */
import { appendFile, chmod, cp, mkdir, mkdtemp, readFile, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import { examine } from '../../src/cli/doctor/examine.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { readConfig } from '../../src/config/config.ts';
import { localPrincipal } from '../../src/principal.ts';
import { runKeyward as run } from '../support/clients/command.ts';
import { freePort, keywardMain } from '../support/clients/mcp-clients.ts';
import { type HttpServer, type Seen, startHttpServer } from '../support/servers/http-server.ts';
import { firstFormatPassphrase, inFile } from '../support/vault/first-format.ts';
import { onVault } from '../support/vault/on-vault.ts';

const key = 'ab'.repeat(32);
/** What no finding may show. */
const apiKey = 'acme_canary0k7Qw9ZpX2vLr8';
const clientSecret = 'canary-client-secret';

type Env = Record<string, string>;
type SetUp = { readonly home: string; readonly env: Env };

/** The service: takes the key, and knows the OAuth client with its redirect URI. */
let service: HttpServer;
let takesKey = true;
let secondsOff = 0;
let knowsClient = true;

/** A set-up in which nothing is wrong; every test gets a copy. */
let whole: SetUp;
let folder: string;
const held: Server[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyward-doctor-'));
  service = await startHttpServer(answer);
  const home = join(folder, 'whole');
  const env = {
    PATH: process.env.PATH ?? '',
    KEYWARD_HOME: home,
    KEYWARD_KEY: key,
    KEYWARD_PORT: String(await freePort()),
    KEYWARD_EGRESS_ALLOW: service.host,
    KEYWARD_AUTH_CUSTOM_ACME_CLIENT_ID: 'keyward',
    KEYWARD_AUTH_CUSTOM_ACME_CLIENT_SECRET: clientSecret,
    DISPLAY: ':0',
    HOME: folder,
  };
  whole = { home, env };
  await mkdir(join(home, 'config', 'connectors'), { recursive: true });
  await writeFile(join(home, 'config', 'connectors', 'acme.json'), JSON.stringify(definition()));
  await onVault(env, (broker) =>
    createCredential(
      broker,
      localPrincipal,
      { connectorId: 'custom.acme', authenticationType: 'api_key', apiKey },
      { obtainedBy: 'rest' },
    ),
  );
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

let setUp: SetUp;
beforeEach(async () => {
  [takesKey, secondsOff, knowsClient] = [true, 0, true];
  const home = await mkdtemp(join(folder, 'home-'));
  await cp(whole.home, home, { recursive: true });
  setUp = { home, env: { ...whole.env, KEYWARD_HOME: home } };
});
afterEach(async () => {
  for (const server of held.splice(0)) await new Promise((resolve) => server.close(resolve));
});

function answer({ url, headers }: Seen, response: ServerResponse): void {
  response.setHeader('date', new Date(Date.now() - secondsOff * 1_000).toUTCString());
  const { pathname, searchParams } = new URL(url, 'http://service');
  if (pathname === '/auth') {
    const back = `${searchParams.get('redirect_uri')}?error=login_required`;
    if (knowsClient) response.writeHead(302, { location: back }).end();
    else response.writeHead(400).end('invalid redirect_uri');
    return;
  }
  const good = takesKey && headers['x-api-key'] === apiKey;
  response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
  response.end(JSON.stringify(good ? { user: { email: 'ann@example.com' } } : { error: 'unauthorized' }));
}

function definition(): unknown {
  const { origin, host } = service;
  const apiKeyInput = { type: 'string', title: 'API key', writeOnly: true };
  return {
    id: 'custom.acme',
    name: 'Acme',
    categories: ['testing'],
    docsUrl: 'https://acme.example/docs',
    appUrl: 'https://acme.example/apps',
    api: {
      baseUrl: `${origin}/v1`,
      allowedHosts: [host],
      verify: { method: 'GET', path: '/me', accountPath: 'user.email' },
    },
    auth: [
      {
        authenticationType: 'oauth2',
        authorizationEndpoint: `${origin}/auth`,
        tokenEndpoint: `${origin}/token`,
        scopes: ['read'],
      },
      {
        authenticationType: 'api_key',
        inputs: { type: 'object', properties: { apiKey: apiKeyInput }, required: ['apiKey'] },
        inject: [{ in: 'header', name: 'x-api-key', value: '{apiKey}' }],
      },
    ],
  };
}

/** What the doctor finds, and that it shows no secret. */
async function examined({ env }: SetUp): Promise<Finding[]> {
  let problems: Readonly<Record<string, string>> = {};
  const config = readConfig(new Map(), env, null, (found) => {
    problems = found;
  });
  const findings: Finding[] = [];
  await examine({ config, problems, flags: new Map() }, env, (finding) => findings.push(finding));
  expect(JSON.stringify(findings)).not.toMatch(new RegExp(`canary|${key}`));
  return findings;
}

/** Takes the port as another program would: it answers nobody. */
async function holdPort(port: number): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  held.push(server);
}

type Broken = {
  readonly what: string;
  /** Breaks the set-up; answers variables that are set, or unset where they are undefined. */
  readonly breaks: (setUp: SetUp) => unknown;
  readonly check: string;
  /** What has to be told as the way to mend it. */
  readonly mend: string;
  readonly state?: 'unknown';
};

/** How a client starts Keyward, with these of its variables. */
function launch({ KEYWARD_HOME = '', KEYWARD_KEY = '' }: Env) {
  return { command: process.execPath, args: [keywardMain, 'stdio'], env: { KEYWARD_HOME, KEYWARD_KEY } };
}

async function writeClient({ home }: SetUp, server: unknown): Promise<Env> {
  await mkdir(join(home, '.cursor'), { recursive: true });
  await writeFile(join(home, '.cursor', 'mcp.json'), JSON.stringify({ mcpServers: { keyward: server } }));
  return { HOME: home };
}

const vaultOf = ({ home }: SetUp) => join(home, 'data', 'vault.json');

const brokenSetUps: readonly Broken[] = [
  {
    what: 'another key',
    breaks: () => ({ KEYWARD_KEY: 'cd'.repeat(32) }),
    check: 'key',
    mend: 'opens with KEYWARD_KEY',
  },
  { what: 'no key', breaks: () => ({ KEYWARD_KEY: undefined }), check: 'key', mend: 'Set KEYWARD_KEY or' },
  {
    what: 'a key file that is gone',
    breaks: ({ home }) => ({ KEYWARD_KEY: undefined, KEYWARD_KEY_FILE: join(home, 'gone') }),
    check: 'key',
    mend: 'Correct the path',
  },
  {
    what: 'a key file that others read',
    breaks: async ({ home }) => {
      await writeFile(join(home, 'key'), key, { mode: 0o644 });
      return { KEYWARD_KEY: undefined, KEYWARD_KEY_FILE: join(home, 'key') };
    },
    check: 'key file',
    mend: 'chmod 600 ',
  },
  {
    what: 'a passphrase where the vault has none',
    breaks: () => ({ KEYWARD_PASSPHRASE: 'canary' }),
    check: 'key',
    mend: 'Unset KEYWARD_PASSPHRASE',
  },
  {
    what: 'two keys at once',
    breaks: () => ({ KEYWARD_KEY_FILE: '/dev/null' }),
    check: 'options',
    mend: 'Correct KEYWARD_KEY, KEYWARD_KEY_FILE',
  },
  {
    what: 'a vault that was cut short',
    breaks: async (given) => truncate(vaultOf(given), (await readFile(vaultOf(given))).length - 40),
    check: 'vault',
    mend: 'keyward restore --from',
  },
  {
    what: 'a vault of a newer Keyward',
    breaks: async (given) => {
      const text = await readFile(vaultOf(given), 'utf8');
      await writeFile(vaultOf(given), text.replace(/^\{"keyward":\d+/, '{"keyward":99'));
    },
    check: 'vault',
    mend: 'npm install --global keyward@latest',
  },
  {
    what: 'a vault file that others read',
    breaks: (given) => chmod(vaultOf(given), 0o644),
    check: 'vault file',
    mend: 'chmod 600 ',
  },
  {
    what: 'a config folder into which others write',
    breaks: ({ home }) => chmod(join(home, 'config'), 0o777),
    check: 'config folder',
    mend: 'chmod go-w ',
  },
  {
    what: 'a folder that can not be written',
    breaks: async ({ home }) => {
      await writeFile(join(home, 'file'), '');
      return { KEYWARD_HOME: join(home, 'file', 'keyward') };
    },
    check: 'vault folder',
    mend: 'mkdir -p ',
  },
  {
    what: 'an audit log that was altered',
    breaks: (given) => appendFile(join(given.home, 'data', 'audit.log'), '{"made":"up"}\n'),
    check: 'audit log',
    mend: 'keyward audit verify',
  },
  {
    what: 'a clock that is an hour off',
    breaks: () => {
      secondsOff = 3_600;
    },
    check: 'clock',
    mend: { linux: 'timedatectl', darwin: 'sntp', win32: 'w32tm' }[process.platform as string] ?? 'timedatectl',
  },
  {
    what: 'a callback port that a stranger has',
    breaks: ({ env }) => holdPort(Number(env.KEYWARD_PORT)),
    check: 'callback port',
    mend: 'set KEYWARD_PORT to a free port',
  },
  {
    what: 'a variable that there is not',
    breaks: () => ({ KEYWARD_PASSPHRASES: 'canary' }),
    check: 'options',
    mend: 'Correct KEYWARD_PASSPHRASES',
  },
  {
    what: 'a placeholder that nobody filled in',
    breaks: () => ({ KEYWARD_RELEASE: `\${RELEASE}` }),
    check: 'options',
    mend: 'Correct KEYWARD_RELEASE',
  },
  {
    what: 'a placeholder for the home',
    breaks: () => ({ KEYWARD_HOME: '%HOME%' }),
    check: 'options',
    mend: 'Correct KEYWARD_HOME',
  },
  {
    what: 'a connector file that is none',
    breaks: ({ home }) => writeFile(join(home, 'config', 'connectors', 'broken.json'), '{"id": "custom.broken"}'),
    check: 'connector files',
    mend: 'broken.json',
  },
  {
    what: 'an OAuth client for no connector',
    breaks: () => ({ KEYWARD_AUTH_NOTHING_CLIENT_ID: 'x' }),
    check: 'options',
    mend: 'Name it after one connector',
  },
  {
    what: 'a proxy that does not answer',
    breaks: async () => ({ HTTPS_PROXY: `http://ann:canary@127.0.0.1:${await freePort()}` }),
    check: 'proxy',
    mend: 'unset HTTPS_PROXY',
  },
  {
    what: 'a file of certificates that is gone',
    breaks: ({ home }) => ({ NODE_EXTRA_CA_CERTS: join(home, 'gone.pem') }),
    check: 'certificates',
    mend: 'NODE_EXTRA_CA_CERTS',
  },
  {
    what: 'a file of certificates that holds none',
    breaks: (given) => ({ NODE_EXTRA_CA_CERTS: vaultOf(given) }),
    check: 'certificates',
    mend: 'NODE_EXTRA_CA_CERTS',
  },
  {
    what: 'a credential that the service refuses',
    breaks: () => {
      takesKey = false;
    },
    check: 'connection',
    mend: 'keyward connect --reconnect ',
  },
  {
    what: 'a connection that has to be connected again',
    breaks: (given) =>
      onVault(given.env, async ({ vault }) => {
        const [record] = await vault.list('credential', localPrincipal, {}, { limit: 1 });
        if (record === undefined) throw new Error('There is no connection.');
        const told = { ...record, status: 'reconnect_required', statusReason: 'It ended.' } as const;
        takesKey = false;
        await vault.commit([{ op: 'update', kind: 'credential', record: told }]);
      }),
    check: 'connection',
    mend: 'keyward connect --reconnect ',
  },
  {
    what: 'an OAuth client that the service refuses',
    breaks: () => {
      knowsClient = false;
    },
    check: 'OAuth client',
    mend: '/oauth/callback',
  },
  {
    what: 'a registration that has ended',
    breaks: (given) =>
      onVault(given.env, async ({ vault }) => {
        const registration = {
          redirectUri: 'http://127.0.0.1/',
          tokenEndpointAuthMethod: 'none',
          expiresAt: 1,
        } as const;
        const record = { id: crypto.randomUUID(), tenant: 'local', owner: 'local', connectorId: 'custom.acme' };
        const client = { name: 'Acme', clientId: 'made', scopes: null, registration };
        await vault.commit([
          { op: 'create', kind: 'authConfig', record: { ...record, ...client }, secret: { clientSecret: null } },
        ]);
      }),
    check: 'OAuth client',
    mend: 'keyward connect custom.acme',
  },
  {
    what: 'a client document that nobody can read',
    breaks: () => ({ KEYWARD_CLIENT_METADATA_URL: 'https://127.0.0.1:1/keyward.json' }),
    check: 'client document',
    mend: 'keyward client-metadata --url https://127.0.0.1:1/keyward.json',
  },
  {
    what: 'a client that names a file which is gone',
    breaks: (given) => writeClient(given, { command: process.execPath, args: [join(given.home, 'gone.js'), 'stdio'] }),
    check: 'MCP client',
    mend: 'keyward setup cursor',
  },
  {
    what: 'a client that names no program',
    breaks: (given) => writeClient(given, { command: join(given.home, 'gone') }),
    check: 'MCP client',
    mend: 'keyward setup cursor',
  },
  {
    what: 'a client whose Keyward has no key',
    breaks: (given) => writeClient(given, launch({ ...given.env, KEYWARD_KEY: '' })),
    check: 'MCP client',
    mend: 'keyward setup cursor',
  },
  {
    what: 'no browser',
    breaks: () => ({ DISPLAY: undefined }),
    check: 'browser',
    mend: 'keyward approvals',
    state: 'unknown',
  },
];

describe('keyward doctor', () => {
  it('180. finds nothing wrong with a set-up that is whole', async () => {
    const found = await writeClient(setUp, launch(setUp.env));
    const findings = await examined({ ...setUp, env: { ...setUp.env, ...found } });
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
    const checks = new Set(findings.map(({ check }) => check));
    for (const { check } of brokenSetUps) expect([check, ...checks]).toContain(check);
  });

  it.each(brokenSetUps)('181. names what mends $what', async ({ breaks, check, mend, state = 'wrong' }) => {
    const changes = Object(await breaks(setUp)) as Record<string, string | undefined>;
    const env = Object.fromEntries(Object.entries({ ...setUp.env, ...changes }).filter(([, value]) => value)) as Env;
    const findings = await examined({ ...setUp, env });
    const told = findings.filter((one) => one.check === check && one.state === state);
    expect(told.map((one) => one.mend).join('\n'), JSON.stringify(findings, null, 1)).toContain(mend);
  });

  it('starts a client’s entry in the home folder, never what the current one holds, and ends all that it started', async () => {
    const repository = join(setUp.home, 'repository');
    const mark = join(setUp.home, 'mark');
    await mkdir(join(repository, 'bin'), { recursive: true });
    await writeFile(join(repository, 'bin', 'keyward'), `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
    const relative = await writeClient(setUp, { command: 'bin/keyward' });
    const refused = await run(['doctor'], { ...setUp.env, ...relative }, { cwd: repository });
    expect(refused.stdout).toMatch(/^WRONG +MCP client .* depends on the folder .* Mend: keyward setup cursor/m);
    await expect(readFile(mark)).rejects.toMatchObject({ code: 'ENOENT' });

    // It answers, and leaves a process behind that would never end.
    let left: Promise<unknown> = Promise.reject(new Error('It started nothing.'));
    left.catch(() => {});
    const listener = createServer((socket) => {
      left = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    held.push(listener);
    const { port } = listener.address() as AddressInfo;
    const script = join(setUp.home, 'server.mjs');
    await writeFile(
      script,
      `import { spawn } from 'node:child_process';
       import { writeFileSync } from 'node:fs';
       writeFileSync('${mark}', process.cwd());
       const child = spawn(process.execPath, ['-e', 'net.connect(${port}, "127.0.0.1", () => console.log("up"))'],
         { stdio: ['ignore', 'pipe', 'inherit'] });
       child.stdout.once('data', () => {
         process.stdout.write('{"jsonrpc":"2.0","id":1,"result":{}}\\n');
         process.stdin.resume().on('end', () => process.exit());
       });`,
    );
    const found = await writeClient(setUp, { command: process.execPath, args: [script] });
    const good = await run(['doctor'], { ...setUp.env, ...found }, { cwd: repository });
    expect(good).toMatchObject({ code: 0, stderr: 'Nothing is wrong.\n' });
    expect(await readFile(mark, 'utf8')).toBe(await realpath(setUp.home));
    await left;
  });

  it('182. makes nothing where there is no vault, and looks at everything else', async () => {
    const home = join(setUp.home, 'empty');
    const clientless = Object.entries(setUp.env).filter(([name]) => !name.startsWith('KEYWARD_AUTH_'));
    const findings = await examined({ home, env: { ...Object.fromEntries(clientless), KEYWARD_HOME: home } });
    expect(findings.filter(({ state }) => state === 'wrong')).toEqual([]);
    await expect(readFile(join(home, 'data', 'vault.json'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(readFile(join(home, 'config', 'vault.key'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('183. runs with a configuration that is invalid or without a home, prints one line for each finding, and exits with 1', async () => {
    const broken = { ...setUp.env, KEYWARD_RELEASE: 'sometimes', KEYWARD_KEY: 'canary' };
    const homeless = join(folder, 'homeless.mjs');
    // As os.homedir() is for a user id that no file knows.
    await writeFile(
      homeless,
      `import os from 'node:os';
       import { syncBuiltinESMExports } from 'node:module';
       os.homedir = os.userInfo = () => { throw new Error('ENOENT'); };
       syncBuiltinESMExports();`,
    );
    const { KEYWARD_HOME: _, ...nowhere } = setUp.env;
    const [good, bad, json, lost] = await Promise.all([
      run(['doctor'], { ...setUp.env, ...(await writeClient(setUp, launch(setUp.env))) }),
      run(['doctor'], broken),
      run(['doctor', '--json'], broken),
      run(['doctor'], { ...nowhere, NODE_OPTIONS: `--import ${homeless}` }),
    ]);
    expect(good).toMatchObject({ code: 0, stderr: 'Nothing is wrong.\n' });
    expect(good.stdout).toMatch(/^(ok {5}.*\n)+$/);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/^WRONG +options +KEYWARD_RELEASE .* Mend: Correct KEYWARD_RELEASE/m);
    expect(bad.stdout).toMatch(/^WRONG +key .* Mend: /m);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false });
    expect(lost.code).toBe(1);
    expect(lost.stdout).toMatch(/^WRONG +options +KEYWARD_HOME must be set.* Mend: Correct KEYWARD_HOME/m);
    expect(JSON.stringify([good, bad, json, lost])).not.toContain('canary');
  });

  it('184. tells where the key of a vault comes from as the vault records it, as keyward status does', async () => {
    const { file } = await inFile('passphrase', firstFormatPassphrase);
    const home = dirname(dirname(file));
    const { KEYWARD_KEY: _, ...keyless } = setUp.env;
    const rest = { ...keyless, KEYWARD_HOME: home };
    const [key] = (await examined({ home, env: rest })).filter(({ check }) => check === 'key');
    expect(key).toMatchObject({ state: 'wrong', mend: 'Set KEYWARD_PASSPHRASE.' });
    const { stdout } = await run(['status'], rest);
    expect(stdout).toMatch(/^Key +KEYWARD_PASSPHRASE, which is not set$/m);
  });
});
