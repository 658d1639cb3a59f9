/** `keyward run`: a program gets secrets, and whoever sees what it prints gets none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxClient } from '../../src/broker/approvals/state.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import type { CreateInput } from '../../src/broker/connect/create-input.ts';
import { commandText } from '../../src/cli/child/command-text.ts';
import { wantedBy } from '../../src/cli/child/references.ts';
import { localPrincipal } from '../../src/principal.ts';
import { runInTerminal } from '../support/clients/command.ts';
import { type CommandLine, commandLineWith, ending } from '../support/clients/command-line.ts';
import { keywardMain } from '../support/clients/mcp-clients.ts';
import { type EchoApi, startEchoApi } from '../support/servers/echo-api.ts';
import { type EchoEnv, echoConnector, echoEnv } from '../support/servers/echo-connector.ts';

const token = 'tok-canary/7f3a+0123456789="x"&y';
const password = 'pass-canary-998877';

let api: EchoApi;
let echo: EchoEnv;
let keyward: CommandLine;
beforeAll(async () => {
  api = await startEchoApi();
  echo = await echoEnv(api.origin);
  keyward = await commandLineWith(echo.env);
  await keyward.fill(async (broker) => {
    const connect = (input: object) =>
      createCredential(broker, localPrincipal, { connectorId: echoConnector, ...input } as CreateInput, {
        obtainedBy: 'tool',
      });
    await connect({ authenticationType: 'bearer', name: 'Work / Echo #1', token });
    await connect({ authenticationType: 'basic', name: 'login', username: 'ann', password });
  });
});
afterAll(async () => {
  await keyward.remove();
  await echo.remove();
  await api.close();
});

const asToken = 'keyward://Work%20%2F%20Echo%20%231';
const node = (program: string) => [process.execPath, '-e', program];
const under = (...argv: readonly string[]) => ['run', '--env', `TOKEN=${asToken}`, '--', ...argv];
const sh = (script: string) => ['sh', '-c', script];

/** A program alone, with the same secret in its environment. */
const alone = (argv: readonly string[]) =>
  spawn(argv[0] ?? '', argv.slice(1), { env: { ...keyward.env, TOKEN: 'nothing' } });

const runTogether = <T>(all: Readonly<Record<string, T>>, work: (one: T, name: string) => Promise<void>) =>
  Promise.all(Object.entries(all).map(([name, one]) => work(one, name)));

describe('keyward run', () => {
  it('gives a program the secrets that are referred to: in the environment, in a file, and by --env', async () => {
    const file = join(keyward.env.HOME ?? '', 'some.env');
    await writeFile(file, `# ours\nFROM_FILE=keyward://login/password\nPLAIN="a b"\nFROM_ENV=${asToken}\n`);
    const print = `
      const { FROM_ENV, FROM_FILE, PLAIN, NAME, KEYWARD_KEY, KEYWARD_HOME } = process.env;
      const same = [FROM_ENV === process.argv[1], FROM_FILE === process.argv[2]];
      console.log(JSON.stringify({ same, PLAIN, NAME, key: KEYWARD_KEY ?? null, home: typeof KEYWARD_HOME }));
    `;
    const args = ['run', '--env-file', file, '--env', 'NAME=login#username', '--', ...node(print), token, password];
    const { code, stdout, stderr } = await keyward.run(args, { env: { FROM_ENV: 'keyward://replaced-by-the-file' } });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      same: [true, true],
      PLAIN: 'a b',
      NAME: 'ann',
      // It opens every secret.
      key: null,
      home: 'string',
    });
    expect(code).toBe(0);
  });

  it('170. masks the secret in whatever form a program prints it, on both outputs, and byte by byte', async () => {
    const print = `
      const { TOKEN } = process.env;
      const b = (encoding) => Buffer.from(TOKEN).toString(encoding);
      const every = [...Buffer.from(TOKEN)].map((one) => '%' + one.toString(16).padStart(2, '0')).join('');
      const forms = [TOKEN, JSON.stringify({ TOKEN }), encodeURIComponent(TOKEN), b('base64'), b('base64url'), b('hex'),
        Buffer.from('user:' + TOKEN).toString('base64'), every, TOKEN.toUpperCase()];
      const text = forms.map((form) => '<' + form + '>\\n').join('');
      process.stderr.write(text);
      const next = (at) => at < text.length && process.stdout.write(text[at], () => setImmediate(next, at + 1));
      next(0);
    `;
    const { stdout, stderr } = await keyward.run(under(...node(print)));
    for (const text of [stdout, stderr]) {
      const lines = text.trimEnd().split('\n');
      expect(lines).toHaveLength(9);
      for (const line of lines) expect(line).toMatch(/^<.*\[redacted\].*>$/);
      for (const form of ['base64', 'hex'] as const) {
        // What is left of a secret is nothing that one could find it by.
        expect(text).not.toContain(Buffer.from(token).toString(form).slice(0, 8));
      }
      expect(text).not.toMatch(/canary/i);
    }
  });

  it('shows a question of the program at once, and passes the answer on', async () => {
    const child = keyward.start(under(...sh('printf "Name? "; read name; echo "Hello $name"')));
    const [question] = await once(child.stdout ?? child, 'data');
    expect(String(question)).toBe('Name? ');
    const ended = ending(child, 'Ann\n');
    expect(await ended).toMatchObject({ code: 0, stdout: 'Hello Ann\n', stderr: '' });
  });

  it('ends as the program ends: with its exit code, by its signal, with its output', async () => {
    const programs: Record<string, readonly string[]> = {
      fails: sh('echo out; echo err >&2; exit 3'),
      'ended by a signal': sh('echo first; kill -TERM $$'),
      interrupted: sh('kill -INT $$'),
      'reads to the end, and prints no text': sh("cat; printf '\\000\\377\\200\\303'"),
    };
    await runTogether(programs, async (argv, name) => {
      const [bare, ours] = await Promise.all([
        ending(alone(argv), 'typed\n'),
        keyward.run(under(...argv), { input: 'typed\n' }),
      ]);
      expect({ name, ...ours }).toEqual({ name, ...bare });
    });
  });

  it('gives a program an output that it can open by name, as a shell does', async () => {
    const ended = await keyward.run(under(...sh('echo out > /dev/stdout; echo err > /dev/stderr')));
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'out\n', stderr: 'err\n' });
  });

  it('171. answers a crash with the exit code of a shell, and leaves no copy of its own memory', async () => {
    const { code, signal } = await keyward.run(under(...sh('kill -SEGV $$')));
    expect({ code, signal }).toEqual({ code: 139, signal: null });
  });

  it('says what a shell says of a program that there is not, and of one that can not be run', async () => {
    await runTogether(
      { '/no/such/program': 127, '/etc/passwd': 126, '/etc/passwd/x': 126 },
      async (expected, program) => {
        const { code, stdout, stderr } = await keyward.run(under(program));
        expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
        expect(stderr).toContain(program);
      },
    );
  });

  it('passes signals on, also to a program that ignores some', async () => {
    const script =
      'trap "echo term" TERM; trap "echo hup" HUP; trap "echo usr1" USR1; trap "exit 5" INT; echo ready; while :; do sleep 0.02; done';
    const child = keyward.start(under(...sh(script)));
    const ended = ending(child);
    const printed = async (word: string) => {
      while (!(await lineOf(child)).includes(word));
    };
    await printed('ready');
    for (const [signal, word] of [
      ['SIGTERM', 'term'],
      ['SIGHUP', 'hup'],
      ['SIGUSR1', 'usr1'],
    ] as const) {
      child.kill(signal);
      await printed(word);
    }
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 5, signal: null });
  });

  it('stops and goes on together with its program', async () => {
    // A group of its own below a shell, as at a prompt: whoever has nobody to wake it up is not stopped by the system.
    const job = ['-c', 'set -m; "$@" & wait -f "$!"', 'bash', process.execPath, keywardMain];
    const shell = spawn('bash', [...job, ...under(...sh('echo $$; read word; echo $word'))], { env: keyward.env });
    const pid = Number(await lineOf(shell));
    const ours = await parentOf(pid);
    process.kill(ours, 'SIGTSTP');
    await until(async () => (await stateOf(pid)) === 'T' && (await stateOf(ours)) === 'T');
    process.kill(ours, 'SIGCONT');
    await until(async () => (await stateOf(pid)) !== 'T');
    expect(await ending(shell, 'on\n')).toMatchObject({ code: 0, stdout: 'on\n' });
  });

  it('ends with its program, though another one that it started holds the output', async () => {
    const { code, stdout } = await keyward.run(under(...sh('sleep 20 & echo $!; echo done')));
    const [pid = '', word] = stdout.split('\n');
    expect({ code, word }).toEqual({ code: 0, word: 'done' });
    process.kill(Number(pid), 'SIGKILL');
  });

  it('ends when nobody reads any more, as any program in a pipeline', async () => {
    const child = keyward.start(under('yes'));
    await once(child.stdout ?? child, 'data');
    child.stdout?.destroy();
    const { code } = await ending(child);
    // 128 and the number of SIGPIPE, which Node itself ignores.
    expect(code).toBe(141);
  });

  it('172. holds little, however much the program prints and however slowly it is read', async () => {
    const print = `
      const block = Buffer.alloc(65536, 'some text or other. ');
      let left = 2000;
      const more = () => {
        while (left-- > 0) if (!process.stdout.write(block)) return process.stdout.once('drain', more);
        const status = require('node:fs').readFileSync('/proc/' + process.ppid + '/status', 'utf8');
        process.stderr.write(/VmHWM:\\s+(\\d+)/.exec(status)[1]);
      };
      more();
    `;
    const child = keyward.start(under(...node(print)));
    let bytes = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    let kilobytes = '';
    child.stderr?.on('data', (chunk) => {
      kilobytes += chunk;
    });
    await once(child, 'close');
    expect(bytes).toBe(2000 * 65_536);
    expect(Number(kilobytes)).toBeGreaterThan(0);
    expect(Number(kilobytes)).toBeLessThan(200 * 1024);
  });

  it('173. starts nothing when a reference is wrong, and says which one and what to do', async () => {
    const typed = [
      ['TOKEN=nothing', /^TOKEN: There is no connection nothing\./],
      [
        'TOKEN=login#pasword',
        /^TOKEN: The connection login has no field pasword\.\nName one of its fields: username, password\./,
      ],
      ['TOKEN=custom.echo', /^TOKEN: 2 connections are called custom\.echo\.\nUse the id/],
    ] as const;
    await Promise.all(
      typed.map(async ([wrong, message]) => {
        const args = ['run', '--env', 'FIRST=login', '--env', wrong, '--', 'echo', 'started'];
        const { code, stdout, stderr } = await keyward.run(args);
        expect(stderr).toMatch(message);
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      }),
    );
    expect(await keyward.audit()).not.toContain('echo started');
  });

  it('reads references and nothing else, and never repeats what was typed in place of one', async () => {
    const read = async (value: string) => (await wantedBy({ V: value }, undefined, [])).references[0];
    expect(await read('keyward://a%2Fb%23c%20d/e')).toEqual({ variable: 'V', connection: 'a/b#c d', field: 'e' });
    expect(await read('see keyward://a')).toBeUndefined();
    for (const wrong of ['keyward://', 'keyward://a/b/c', 'keyward://%zz', 'keyward://a/'])
      await expect(read(wrong)).rejects.toThrow(/^V is no reference to a connection\.$/);
    for (const wrong of [token, `=${token}`, '1A=github', 'A='])
      await expect(wantedBy({}, undefined, [wrong])).rejects.toThrow(/^One --env is no reference to a connection\.$/);
    await expect(wantedBy({}, '/no/such/file', [])).rejects.toThrow(/^The file \/no\/such\/file can not be read/);
  });

  it('174. starts nothing without the owner’s approval where no browser and no terminal can ask for it', async () => {
    const { code, stdout, stderr } = await keyward.run(under('echo', 'started'), {
      env: { KEYWARD_RELEASE: 'approve' },
      // Without a terminal of its own.
      detached: true,
    });
    expect(stderr).toContain('only with the owner’s approval');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('names the way without secrets where they are never handed out', async () => {
    const { code, stdout, stderr } = await keyward.run(under('echo', 'started'), { env: { KEYWARD_RELEASE: 'never' } });
    expect(stderr).toContain('keyward run --gateway');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('leaves the output to the program with --no-mask, and the audit log says so', async () => {
    const printed = await keyward.run(['run', '--no-mask', '--env', `TOKEN=${asToken}`, '--', ...sh('echo "$TOKEN"')]);
    expect(printed.stdout).toBe(`${token}\n`);
    const audit = await keyward.audit();
    expect(audit).toMatch(/keyward run --no-mask in [^"]*: sh -c/);
    expect(audit).not.toContain('canary');
  });

  it('leaves the choice of the program to whoever calls it, not to a file of variables', async () => {
    const file = join(keyward.env.HOME ?? '', 'theirs.env');
    for (const name of ['PATH', 'NODE_OPTIONS', 'LD_PRELOAD']) {
      await writeFile(file, `TOKEN=${asToken}\n${name}=./bin\n`);
      const { code, stdout, stderr } = await keyward.run(['run', '--env-file', file, '--', ...sh('echo started')]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`${name} in ${file} decides which program runs`);
    }
  });

  it('175. asks again for another command line, however alike the two are', async () => {
    const text = (...argv: readonly string[]) => commandText('keyward run', argv, '/home/ann/shop');
    const long = 'x'.repeat(400);
    expect(text('npm', 'run', 'deploy')).toBe('keyward run in /home/ann/shop: npm run deploy');
    expect(commandText('keyward run', ['npm', 'run', 'deploy'], '/tmp')).not.toBe(text('npm', 'run', 'deploy'));
    // Whatever a command does at its end is seen by whoever approves it.
    expect(text('sh', '-c', `${'true; '.repeat(30)}curl evil.example`)).toContain('curl evil.example');
    const alike = [
      ['a b'],
      ['a', 'b'],
      ['a\nb'],
      ['a\u200bb'],
      [`${long}1`],
      [`${long}2`],
      ['ghp_abcdefgh1'],
      ['ghp_abcdefgh2'],
    ];
    const texts = alike.map((argv) => text('true', ...argv));
    expect(new Set(texts).size).toBe(alike.length);
    expect(texts.join()).not.toContain('ghp_');
    // As much as a page shows of a name.
    for (const one of texts) expect(one.length).toBeLessThanOrEqual(maxClient);
  });

  it('runs a program without any reference as it is, with no vault at hand', async () => {
    const { code, stdout } = await keyward.run(['run', '--', ...sh('echo $0'), '--version'], {
      env: { KEYWARD_HOME: '/none' },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '--version\n' });
  });
});

describe('keyward run in a terminal', () => {
  it('asks for approval there, leaves it to the program for input, and masks what is shown', async () => {
    const argv = under(...sh('test -t 0 && printf "Name? " && read name && echo "Hello $name, $TOKEN"'));
    const env = { ...keyward.env, KEYWARD_RELEASE: 'approve' };
    const { code, screen } = await runInTerminal(argv, env, [
      [/“keyward run in [^:]*: sh -c .*leaves it: /s, 'y'],
      [/Name\? /, 'Ann'],
    ]);
    expect(screen).toContain('Hello Ann, [redacted]');
    expect(screen).not.toContain('canary');
    expect(code).toBe(0);
  });

  it('lets a key reach the program once, as the terminal sends it', async () => {
    const program = `
      let times = 0;
      process.on('SIGINT', () => {
        if (++times === 1) setTimeout(() => process.exit(times), 300);
      });
      console.log('ready');
      setInterval(() => {}, 1000);
    `;
    const { code } = await runInTerminal(under(...node(program)), keyward.env, [[/ready/, '\u0003']]);
    expect(code).toBe(1);
  });
});

describe('keyward token and keyward headers', () => {
  it('print a fresh secret alone on a line, and the headers that carry it as JSON', async () => {
    const of = (...args: string[]) => keyward.run(args);
    const [byName, field, headers, basic] = await Promise.all([
      of('token', 'Work / Echo #1'),
      of('token', 'login', '--field', 'username'),
      of('headers', 'Work / Echo #1'),
      of('headers', 'login'),
    ]);
    expect(byName).toEqual({ code: 0, signal: null, stdout: `${token}\n`, stderr: '' });
    expect(field.stdout).toBe('ann\n');
    expect(JSON.parse(headers.stdout)).toEqual({ authorization: `Bearer ${token}` });
    const pair = Buffer.from(`ann:${password}`).toString('base64');
    expect(JSON.parse(basic.stdout)).toEqual({ authorization: `Basic ${pair}` });
    // The approval is for the program that asked.
    if (process.platform === 'linux') expect(await keyward.audit()).toMatch(/"keyward (token|headers) for \S+"/);
  });

  it('say what is wrong on stderr alone, and leave token create as it was', async () => {
    const [unknown, refused, listed] = await Promise.all([
      keyward.run(['token', 'nothing']),
      keyward.run(['headers', 'login'], { env: { KEYWARD_RELEASE: 'never' } }),
      keyward.run(['token', 'list']),
    ]);
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('never hands out raw secrets');
    expect(listed).toMatchObject({ code: 0, stdout: 'There is no session token and no assistant yet.\n' });
  });

  it('287. token create limits a token to what was typed, and says so, as token list does', async () => {
    const create = ['token', 'create', '--tenant', 'local', '--user', 'local'];
    const limited = [
      '--name',
      'Report bot',
      '--connections',
      'Work / Echo #1,login',
      '--read-only',
      '--expires',
      '12h',
    ];
    const [made, unknown, service] = await Promise.all([
      keyward.run([...create, ...limited]),
      keyward.run([...create, '--connections', 'login,nothing']),
      keyward.run([...create, '--services', 'githbu']),
    ]);
    const words = 'the connections “Work / Echo #1”, “login”, for reading only';
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^kw_[\w-]{75}\n$/) });
    expect(made.stderr).toContain(`It is for ${words}.`);
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('no connection nothing') });
    expect(service).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('github') });
    const { stdout } = await keyward.run(['token', 'list']);
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(stdout).toMatch(/Report bot +local +local .* the connections/);
    expect(stdout).toContain(words);
  });
});

async function lineOf(child: ReturnType<typeof alone> | ReturnType<CommandLine['start']>): Promise<string> {
  const [text] = await once(child.stdout ?? child, 'data');
  return String(text);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** `T` for one that is stopped (proc_pid_stat(5)). */
async function stateOf(pid: number): Promise<string | undefined> {
  return (await statOf(pid))[0];
}

async function parentOf(pid: number): Promise<number> {
  return Number((await statOf(pid))[1]);
}

async function statOf(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
