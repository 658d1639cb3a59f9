/** `keyward import`, as the built program: what it finds, what it stores, and what it leaves. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withValues } from '../../src/cli/secrets/env-file.ts';
import { exposureOf } from '../../src/cli/secrets/exposure.ts';
import { findSecrets } from '../../src/cli/secrets/findings.ts';
import { servicesOf } from '../../src/cli/secrets/services.ts';
import { loadCatalogue } from '../../src/connectors/catalogue.ts';
import { type Dialogue, runInTerminal, runKeyward } from '../support/clients/command.ts';
import { plantHome } from '../support/planted-home.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';
import { connectionsOn } from '../support/vault/on-vault.ts';

let home: string;
let project: string;
let envFile: string;
let server: HttpServer | undefined;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'keyward-import-'));
  project = path.join(home, 'project');
  envFile = path.join(project, '.env');
  await mkdir(project);
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(home, { recursive: true, force: true });
});

type Env = Readonly<Record<string, string>>;
const own = (env: Env) => ({
  HOME: home,
  KEYWARD_HOME: path.join(home, '.keyward'),
  KEYWARD_KEY: 'ab'.repeat(32),
  ...env,
});

const keyward = (args: readonly string[], env: Env = {}) => runKeyward(args, own(env), { cwd: project });
const inTerminal = (args: readonly string[], env: Env, dialogue: Dialogue = [], onStart?: (pid: number) => void) =>
  runInTerminal(args, own(env), dialogue, { cwd: project, ...(onStart && { onStart }) });

/** What `--json` says was found. */
async function found(env: Env): Promise<{ connectorId: string; places: Record<string, unknown>[] }[]> {
  const { code, stdout, stderr } = await keyward(['import', '--json'], env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout).secrets;
}

const connections = (env: Env) => connectionsOn(own(env));

type Acme = {
  /** Keys that the service takes, and one that it refuses. */
  readonly good: string;
  readonly other: string;
  readonly bad: string;
  /** A key that is never answered; `asked` resolves once it was sent. */
  readonly silent: string;
  readonly asked: Promise<void>;
  readonly env: Env;
};

const keyOf = () => ['acme', randomBytes(24).toString('hex')].join('_');

/** A service on loopback, and a connector for it whose keys have no form of their own. */
async function startAcme(): Promise<Acme> {
  const [good, other, bad, silent] = [keyOf(), keyOf(), keyOf(), keyOf()];
  let heard = () => {};
  const asked = new Promise<void>((resolve) => {
    heard = resolve;
  });
  server = await startHttpServer(({ url, headers }, response) => {
    if (url === '/v1/garden/me') return void response.end('{"login":"garden"}');
    const key = headers.authorization?.replace('Bearer ', '') ?? '';
    if (key === silent) return heard();
    const taken = key === good || key === other;
    response.writeHead(taken ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(taken ? { login: key === good ? 'ann' : 'bob' } : { error: 'bad key' }));
  });
  const folder = path.join(home, 'connectors');
  await mkdir(folder);
  const definition = {
    id: 'custom.acme',
    name: 'Acme',
    categories: ['testing'],
    docsUrl: 'https://acme.example/docs',
    appUrl: 'https://acme.example/keys',
    api: { baseUrl: `${server.origin}/v1`, allowedHosts: [server.host], verify: { path: '/me', accountPath: 'login' } },
    auth: [{ authenticationType: 'bearer' }],
  };
  const secret = { type: 'string', writeOnly: true };
  const bolt = {
    ...definition,
    id: 'custom.bolt',
    name: 'Bolt',
    api: { ...definition.api, verify: { path: '/{workspace}/me', accountPath: 'login' } },
    auth: [
      {
        authenticationType: 'api_key',
        inputs: {
          type: 'object',
          properties: { workspace: { type: 'string', title: 'Workspace' }, applicationKey: secret, apiKey: secret },
          required: ['workspace', 'applicationKey', 'apiKey'],
        },
        inject: [
          { in: 'header', name: 'x-app', value: '{applicationKey}' },
          { in: 'header', name: 'x-key', value: '{apiKey}' },
        ],
      },
    ],
  };
  for (const one of [definition, bolt]) await writeFile(path.join(folder, `${one.name}.json`), JSON.stringify(one));
  const env = { KEYWARD_CONNECTORS_DIR: folder, KEYWARD_EGRESS_ALLOW: server.host, KEYWARD_RELEASE: 'allow' };
  return { good, other, bad, silent, asked, env };
}

/** The files of the home folder that hold one of these texts, as it is or in base64. */
async function filesWith(secrets: readonly string[]): Promise<string[]> {
  const forms = secrets.flatMap((secret) => [secret, Buffer.from(secret).toString('base64').slice(0, -4)]);
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const contents = await Promise.all(files.map(async (file) => ({ file, bytes: await readFile(file) })));
  return contents.filter(({ bytes }) => forms.some((form) => bytes.includes(form))).map(({ file }) => file);
}

const cursorFile = () => path.join(home, '.cursor', 'mcp.json');

async function writeCursor(servers: object): Promise<string> {
  const content = `{\n  // mine\n  "mcpServers": ${JSON.stringify(servers, null, 2)},\n  "theme" : "dark"\n}\n`;
  await mkdir(path.dirname(cursorFile()), { recursive: true });
  await writeFile(cursorFile(), content);
  return content;
}

describe('keyward import', () => {
  it('160. finds every secret of a service that it knows, and none of what only looks like one', async () => {
    const planted = await plantHome(home, project);
    const secrets = await found(planted.env);
    const said = secrets.flatMap(({ connectorId, places }) =>
      places.map(({ file, name }) => JSON.stringify({ file, name, connectorId })),
    );
    const real = planted.secrets.map(({ file, name, connectorId }) => JSON.stringify({ file, name, connectorId }));
    const missed = real.filter((one) => !said.includes(one));
    const wrong = said.filter((one) => !real.includes(one));
    process.stdout.write(
      `import: ${real.length - missed.length} of ${real.length} found, ${wrong.length} wrongly, among ${planted.lookAlikes} look-alikes\n`,
    );
    expect({ missed, wrong }).toEqual({ missed: [], wrong: [] });
    expect(real).toHaveLength(40);
    expect(planted.lookAlikes).toBeGreaterThanOrEqual(400);
    for (const value of planted.values) expect(JSON.stringify(secrets)).not.toContain(value.slice(0, 8));
    expect(await readdir(home)).not.toContain('.keyward');
  });

  it('161. moves what the service takes into the vault, so that no file and no output holds it, and leaves the rest', async () => {
    const acme = await startAcme();
    const start = { command: 'npx', args: ['-y', 'acme-mcp'] };
    await writeCursor({
      acme: { ...start, env: { ACME_TOKEN: acme.good, MODE: 'fast' } },
      bad: { ...start, env: { ACME_TOKEN: acme.bad } },
    });
    const claudeFile = path.join(home, '.claude.json');
    const claude = {
      numStartups: 3,
      projects: { '/src/one': { mcpServers: { acme: { ...start, env: { ACME_TOKEN: acme.good } } }, cost: 1.5 } },
    };
    await writeFile(claudeFile, JSON.stringify(claude, null, 2));
    // As an earlier keyward setup leaves it.
    await writeFile(`${cursorFile()}.before-keyward`, JSON.stringify({ acme: acme.good }));
    const linesWith = (good: string, other: string) => [
      `# ACME_TOKEN=${other}`,
      '',
      `export ACME_TOKEN="${other}" # for work`,
      "MODE='x # y'",
      `ACME_API_TOKEN=${good}`,
      'EMPTY=',
    ];
    await writeFile(envFile, linesWith(acme.good, acme.other).join('\r\n'));

    await chmod(home, 0o755);
    await chmod(envFile, 0o644);
    const { code, screen } = await inTerminal(['import'], acme.env, [[/Space leaves one out/, '']]);
    expect(screen).toContain('Acme ••••: stored as Acme (ann)');
    expect(screen).toContain('Acme ••••: not stored, and left where it was. token was not taken by Acme.');
    expect(screen).toContain('Replace it at https://acme.example/keys, as ~/project/.env can be read by other users');
    expect(code).toBe(1);
    for (const key of [acme.good, acme.other, acme.bad]) expect(screen).not.toContain(key.slice(5, 13));

    const made = await connections(acme.env);
    expect(made.map(({ name }) => name).sort()).toEqual(['Acme (ann)', 'Acme (bob)']);
    const referenceTo = (name: string) => `keyward://${made.find((one) => one.name === name)?.credentialId}`;
    const [ann, bob] = [referenceTo('Acme (ann)'), referenceTo('Acme (bob)')];
    expect((await readFile(envFile, 'utf8')).split('\r\n')).toEqual(linesWith(ann, bob));

    const config = await readFile(cursorFile(), 'utf8');
    expect(config).toMatch(/^\{\n {2}\/\/ mine\n[\s\S]*"theme" : "dark"\n\}\n$/);
    const { mcpServers } = JSON.parse(config.replace('// mine', ''));
    expect(mcpServers.bad).toEqual({ ...start, env: { ACME_TOKEN: acme.bad } });
    expect(mcpServers.acme).toMatchObject({ command: process.execPath, env: { MODE: 'fast' } });
    const args: string[] = mcpServers.acme.args;
    expect(args[1]).toBe('run');
    expect(args.slice(args.indexOf('--env'))).toEqual(['--env', `ACME_TOKEN=${ann}`, '--', 'npx', '-y', 'acme-mcp']);
    const { command } = mcpServers.acme;
    const project = { mcpServers: { acme: { command, args } }, cost: 1.5 };
    expect(JSON.parse(await readFile(claudeFile, 'utf8'))).toEqual({
      numStartups: 3,
      projects: { '/src/one': project },
    });

    expect(await filesWith([acme.good, acme.other])).toEqual([]);
    expect(await filesWith([acme.bad])).toEqual([cursorFile()]);
    // What is left is what the service refused.
    expect((await found(acme.env)).flatMap(({ places }) => places)).toMatchObject([{ server: 'bad' }]);
  });

  it('162. killed after storing, leaves the file as it was, and the next run stores nothing twice', async () => {
    const acme = await startAcme();
    const before = `ACME_TOKEN=${acme.good}\nACME_API_TOKEN=${acme.silent}\n`;
    await writeFile(envFile, before);
    // The first one is stored when the service is asked about the second one.
    let kill = () => {};
    const killed = inTerminal(['import', '--yes'], acme.env, [], (pid) => {
      kill = () => process.kill(pid, 'SIGKILL');
    });
    await acme.asked;
    kill();
    await killed;
    expect(await readFile(envFile, 'utf8')).toBe(before);
    const [first, ...others] = await connections(acme.env);
    expect(others).toEqual([]);

    await writeFile(envFile, `ACME_TOKEN=${acme.good}\n`);
    const { code, screen } = await inTerminal(['import', '--yes'], acme.env);
    expect(screen).toContain('was stored before as Acme (ann)');
    expect(code).toBe(0);
    expect(await connections(acme.env)).toEqual([first]);
    expect(await readFile(envFile, 'utf8')).toBe(`ACME_TOKEN=keyward://${first?.credentialId}\n`);
    const stderr = 'No secret of a service that Keyward knows was found.\n';
    expect(await keyward(['import'], acme.env)).toEqual({ code: 0, stdout: '', stderr });
  });

  it('163. without a terminal, changes no file, and stores only with --yes', async () => {
    const acme = await startAcme();
    const content = await writeCursor({ acme: { command: 'npx', env: { ACME_TOKEN: acme.good } } });
    const link = path.join(home, 'mcp.json');
    await symlink(cursorFile(), link);
    const shown = await keyward(['import', cursorFile(), link], acme.env);
    expect(shown.stdout.match(/mcp\.json, server acme, ACME_TOKEN/g)).toEqual(['mcp.json, server acme, ACME_TOKEN']);
    expect(shown.stderr).toContain('no terminal to ask at');
    expect(shown.code).toBe(1);
    expect(await readdir(home)).not.toContain('.keyward');

    const taken = await keyward(['import', '--yes'], acme.env);
    expect(taken.stdout).toContain('still holds it');
    expect(taken.stdout + taken.stderr).not.toContain(acme.good.slice(5, 13));
    expect(await readFile(cursorFile(), 'utf8')).toBe(content);
    expect(await connections(acme.env)).toHaveLength(1);
    // What a model may not send, a program that nobody watches may not either.
    const guarded = { ...acme.env, KEYWARD_HOME: path.join(home, 'other'), KEYWARD_SECRET_INPUT: 'page' };
    expect((await keyward(['import', '--yes'], guarded)).stdout).toContain('Secrets are not accepted here');
  });

  it('164. stores nothing that the service could not be asked about', async () => {
    const acme = await startAcme();
    const content = `ACME_TOKEN=${acme.good}\n`;
    await writeFile(envFile, content);
    await server?.close();
    const { code, screen } = await inTerminal(['import', '--yes'], acme.env);
    expect(screen).toContain('not stored, and left where it was');
    expect(code).toBe(1);
    expect(await readFile(envFile, 'utf8')).toBe(content);
    expect(await connections(acme.env)).toEqual([]);
  });

  it('165. says of files that others can read, and of those that git has, that what is in them should be replaced', async () => {
    await chmod(home, 0o755);
    await writeFile(envFile, 'A=1');
    await chmod(envFile, 0o600);
    expect(await exposureOf(envFile)).toEqual([]);
    await chmod(envFile, 0o644);
    expect(await exposureOf(envFile)).toEqual(['can be read by other users of this computer']);
    // Nobody gets as far as the file.
    await chmod(home, 0o700);
    expect(await exposureOf(envFile)).toEqual([]);
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.org', ...args], { cwd: project });
    git('init', '--quiet');
    git('add', '.env');
    expect(await exposureOf(envFile)).toEqual(['is in the history of a git repository']);
    git('commit', '--quiet', '-m', 'one');
    git('rm', '--quiet', '--cached', '.env');
    git('commit', '--quiet', '-m', 'two');
    expect(await exposureOf(envFile)).toEqual(['is in the history of a git repository']);
  });

  it('166. says where the shell sets a secret that it can not take out of the environment', async () => {
    const acme = await startAcme();
    await writeFile(path.join(home, '.zshrc'), `# mine\nexport ACME_TOKEN=${acme.good}\n`);
    const env = { ...acme.env, ACME_TOKEN: acme.good };
    const { code, screen } = await inTerminal(['import', '--yes'], env);
    expect(screen).toContain('take line 2 out of ~/.zshrc');
    expect(code).toBe(0);
  });

  it('168. asks for what connecting needs besides, and refers to each field where there are several', async () => {
    const acme = await startAcme();
    const [app, api] = [keyOf(), keyOf()];
    await writeFile(envFile, `BOLT_APP_KEY=${app}\nBOLT_API_KEY=${api}\n`);
    const choose = [
      [/Space leaves one out/, ' '],
      [/Bolt: Workspace/, 'garden'],
    ] as const;
    const { code, screen } = await inTerminal(['import'], acme.env, choose);
    expect(screen).toContain('stored as Bolt (garden)');
    expect(code).toBe(0);
    const [one] = await connections(acme.env);
    const reference = `keyward://${one?.credentialId}`;
    expect(await readFile(envFile, 'utf8')).toBe(
      `BOLT_APP_KEY=${reference}/applicationKey\nBOLT_API_KEY=${reference}/apiKey\n`,
    );
    expect(server?.seen.at(-1)).toMatchObject({ url: '/v1/garden/me', headers: { 'x-app': app, 'x-key': api } });
  });

  it('167. changes the value of a variable in a .env file and no other byte of it, or nothing', () => {
    const whole = [
      '',
      '# note',
      'A=1',
      "B='x # y'",
      'C="two\\nlines"',
      'export D=4 # four',
      'F=',
      'G=`k`',
      'H="a\nSECRET=no\n"',
    ];
    const broken = ['E="a', 'b"', "it's", '='];
    const ways = fc.constantFrom(
      ['SECRET=', ''],
      ['  export SECRET = ', '  # c'],
      ['SECRET="', '"'],
      ["SECRET='", "'"],
    );
    const eols = fc.constantFrom('\n', '\r\n');
    const value = 'k3y'.repeat(8);
    const property = (lines: readonly string[], check: (edited: string | null, expected: string) => void) =>
      fc.property(fc.array(fc.constantFrom(...lines)), ways, fc.array(fc.constantFrom(...lines)), eols, (...drawn) => {
        const [before, [start, end], behind, eol] = drawn;
        const contentWith = (one: string) => [...before, `${start}${one}${end}`, ...behind, ''].join(eol);
        const change = { name: 'SECRET', old: value, new: 'keyward://one' };
        check(withValues(contentWith(value), [change]), contentWith(change.new));
      });
    void fc.assert(property(whole, (edited, expected) => expect(edited).toBe(expected)));
    void fc.assert(property([...whole, ...broken], (edited, expected) => expect([expected, null]).toContain(edited)));
  });

  it('sends no key to a service when a variable beside it says that the key is for another server', async () => {
    const acme = await startAcme();
    const content = `ACME_TOKEN=${acme.good}\nACME_API_URL=https://acme.corp.example/v1\n`;
    await writeFile(envFile, content);
    // The other place says nothing of it.
    await writeCursor({ acme: { command: 'npx', env: { ACME_TOKEN: acme.good } } });
    const { code, screen } = await inTerminal(['import', '--yes'], acme.env);
    expect(screen).toContain('not stored, and left where it was. ACME_API_URL says that it is for another address');
    expect(code).toBe(1);
    expect(server?.seen).toEqual([]);
    expect(await readFile(envFile, 'utf8')).toBe(content);
    expect(await connections(acme.env)).toEqual([]);
  });

  it('tells addresses of other servers from those of the service itself', async () => {
    const services = servicesOf(await loadCatalogue(path.join(home, 'none')));
    const random = (length: number) => randomBytes(length).toString('hex').slice(0, length);
    const keys = {
      GITLAB_TOKEN: ['glpat', random(20)].join('-'),
      GITHUB_TOKEN: ['ghp', random(36)].join('_'),
      OPENAI_API_KEY: ['sk', 'proj', random(60)].join('-'),
      SENTRY_AUTH_TOKEN: ['sntryu', random(64)].join('_'),
      MINE_KEY: ['ghp', random(36)].join('_'),
      API_KEY: ['ghp', random(36)].join('_'),
      JENKINS_API_TOKEN: random(34),
    };
    const elsewhere = (key: keyof typeof keys, name: string, value: string, hints: readonly string[] = []) => {
      const pairs = { [key]: keys[key], JENKINS_USERNAME: 'ann', [name]: value };
      const variables = Object.entries(pairs).map(([one, text]) => ({ name: one, value: text, place: one }));
      const [finding, ...others] = findSecrets(services, [{ variables, hints }]);
      expect({ key, others, found: finding !== undefined }).toEqual({ key, others: [], found: true });
      return finding?.elsewhere;
    };
    const others = [
      ['GITLAB_TOKEN', 'GITLAB_API_URL', 'https://gitlab.corp.example/api/v4'],
      ['GITLAB_TOKEN', 'GITLAB_HOST', 'gitlab'],
      ['GITLAB_TOKEN', 'GITLAB_URL', ['$', '{input:gitlab}'].join('')],
      ['GITLAB_TOKEN', 'GITLAB_SERVER', 'gitlab.com.corp.example'],
      ['GITLAB_TOKEN', 'GL_HOST', 'gitlab.corp.example:8443'],
      ['GITHUB_TOKEN', 'GITHUB_API_URL', 'https://api.acme.ghe.com'],
      ['GITHUB_TOKEN', 'GITHUB_API_URL', 'https://api.github.com@corp.example'],
      ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'https://openrouter.ai/api/v1'],
      ['OPENAI_API_KEY', 'OPENAI_API_BASE', 'localhost:4000'],
      ['OPENAI_API_KEY', 'OPENAI_ENDPOINT', 'http://10.0.0.7/v1'],
      ['SENTRY_AUTH_TOKEN', 'SENTRY_URL', 'https://sentry.corp.example'],
      ['MINE_KEY', 'MINE_BASE_URL', 'https://proxy.corp.example'],
      ['API_KEY', 'BASE_URL', 'https://git.corp.example'],
    ] as const;
    for (const [key, name, value] of others) {
      expect([value, elsewhere(key, name, value)]).toEqual([value, name]);
    }
    expect(elsewhere('GITLAB_TOKEN', 'api-url', 'https://gitlab.corp.example', ['gitlab'])).toBe('api-url');
    const own = [
      ['GITLAB_TOKEN', 'GITLAB_API_URL', 'https://gitlab.com/api/v4'],
      ['GITLAB_TOKEN', 'BASE_URL', 'https://shop.example'],
      ['GITHUB_TOKEN', 'GITHUB_SERVER_URL', 'https://github.com'],
      ['GITHUB_TOKEN', 'GITHUB_CALLBACK_URL', 'http://localhost:3000/callback'],
      ['GITHUB_TOKEN', 'GITLAB_URL', 'https://gitlab.corp.example'],
      ['OPENAI_API_KEY', 'OPENAI_MODEL', 'gpt-5.1'],
      ['SENTRY_AUTH_TOKEN', 'SENTRY_DSN', 'https://public@o1.ingest.sentry.io/2'],
      ['SENTRY_AUTH_TOKEN', 'SENTRY_URL', 'https://de.sentry.io'],
      ['JENKINS_API_TOKEN', 'JENKINS_URL', 'https://ci.corp.example'],
    ] as const;
    for (const [key, name, value] of own) expect([value, elsewhere(key, name, value)]).toEqual([value, null]);
  });

  it('looks at the other files when one that was named holds nothing that it can read', async () => {
    const acme = await startAcme();
    await writeFile(path.join(project, 'odd.json'), '[1]');
    await writeFile(envFile, `ACME_TOKEN=${acme.good}\n`);
    const { code, stdout, stderr } = await keyward(['import', '--json', 'odd.json', '.env'], acme.env);
    expect(stderr).toContain('odd.json holds no object.');
    expect(JSON.parse(stdout || '{}').secrets).toMatchObject([{ connectorId: 'custom.acme' }]);
    expect(code).toBe(1);
  });

  it('follows no link out of the folder unless a person names it, and then shows where it leads', async () => {
    const acme = await startAcme();
    const secretFile = path.join(home, 'private.env');
    const config = path.join(home, 'private.json');
    await writeFile(secretFile, `ACME_TOKEN=${acme.good}\n`);
    await writeFile(
      config,
      JSON.stringify({ mcpServers: { acme: { command: 'npx', env: { ACME_TOKEN: acme.other } } } }),
    );
    await writeFile(path.join(project, 'inside'), `ACME_TOKEN=${acme.bad}\n`);
    await symlink(secretFile, envFile);
    await symlink(path.join(project, 'inside'), path.join(project, '.env.local'));
    await symlink(config, path.join(project, '.mcp.json'));
    await symlink(home, path.join(project, '.cursor'));
    await writeFile(path.join(home, 'mcp.json'), await readFile(config));
    const usual = await keyward(['import', '--json'], acme.env);
    expect(usual.stderr.match(/is a link that leads out of this folder/g)).toHaveLength(3);
    const placesIn = (json: string) =>
      JSON.parse(json).secrets.flatMap((one: { places: { file: string }[] }) => one.places.map(({ file }) => file));
    expect(placesIn(usual.stdout)).toEqual([path.join(project, '.env.local')]);
    const named = await keyward(['import', '--json', '.env', '.mcp.json'], acme.env);
    const real = await Promise.all([secretFile, config].map((file) => realpath(file)));
    expect(placesIn(named.stdout).sort()).toEqual(real.sort());
  });

  it('runs no git that the folder brings', async () => {
    const acme = await startAcme();
    await writeFile(envFile, `ACME_TOKEN=${acme.good}\n`);
    const marker = path.join(home, 'ran');
    await writeFile(path.join(project, 'git'), `#!/bin/sh\necho ran > '${marker}'\n`, { mode: 0o755 });
    // What Windows does without being asked: the working folder comes before PATH.
    const env = { ...acme.env, PATH: `.${path.delimiter}${process.env.PATH}` };
    expect(await found(env)).toHaveLength(1);
    expect(await readdir(home)).not.toContain('ran');
  });

  it('keeps in the files that it rewrites which vault it is, and nothing that it was allowed', async () => {
    const acme = await startAcme();
    await writeCursor({ acme: { command: 'npx', env: { ACME_TOKEN: acme.good } } });
    const { KEYWARD_CONNECTORS_DIR: connectors = '', ...env } = acme.env;
    const typed = [
      '--connectors-dir',
      connectors,
      '--any-host',
      'allow',
      '--secret-input',
      'any',
      '--hosts-allow',
      '*.example',
    ];
    const { code } = await inTerminal(['import', '--yes', ...typed], env);
    expect(code).toBe(0);
    const { mcpServers } = JSON.parse((await readFile(cursorFile(), 'utf8')).replace('// mine', ''));
    const args: string[] = mcpServers.acme.args;
    const kept = ['run', '--connectors-dir', connectors, '--home', path.join(home, '.keyward')];
    expect(args.slice(1, args.indexOf('--env'))).toEqual(kept);
  });
});
