/** Faults at the system calls of one commit, injected with strace into a running process. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, expect, it, type TestContext } from 'vitest';
import { bundleChild, type Child, runChild } from '../support/child.ts';
import { needs, report } from '../support/faults/report.ts';
import { firstFormatKey, inFile, unreadableIn } from '../support/vault/first-format.ts';
import { ann, type VaultFolder, vaultFolder } from '../support/vault/vault-folder.ts';

let script = '';
beforeAll(async () => {
  script = await bundleChild('test/support/vault/vault-step.ts');
});

const needsStrace = (test: TestContext) => needs(test, 'strace', '-o', '/dev/null', '-f', 'true');

// One pool thread: strace counts the calls of each thread.
const env = { UV_THREADPOOL_SIZE: '1' };

/** A process that waits for the word to act; `what` as vault-step.ts says. */
async function waiting(
  place: VaultFolder,
  what: 'create' | 'commit',
  id = '',
  key = place.key.key ?? '',
): Promise<Child> {
  const child = runChild(script, [place.file, key, what, id], { env });
  await child.saw('ready');
  return child;
}

/** Attaches strace to all threads of the process; answers a function that detaches it. */
async function attach(child: Child, ...options: readonly string[]): Promise<() => Promise<void>> {
  const strace = spawn('strace', ['-f', ...options, '-p', String(child.process.pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(strace, 'close');
  const lines = createInterface({ input: strace.stderr });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => (/ attached/.test(line) ? resolve() : undefined));
    strace.on('close', () => reject(new Error('strace could not attach')));
  });
  return async () => {
    strace.kill('SIGINT');
    await ended;
  };
}

const act = (child: Child) => child.process.stdin?.write('now\n');

/** Lets the process act once under strace and answers the trace's lines. */
async function traceOf(child: Child, log: string): Promise<string[]> {
  const detach = await attach(child, '-y', '-o', log, '-e', 'trace=%file,%desc');
  act(child);
  await child.saw('done');
  await detach();
  child.process.stdin?.end();
  await child.ended;
  return (await readFile(log, 'utf8')).split('\n');
}

/** How often each call was made by the thread that made it most. */
function callsOf(trace: readonly string[]): Map<string, number> {
  const perThread = new Map<string, number>();
  for (const line of trace) {
    const call = /^(\d+) +([a-z0-9_]+)\(/.exec(line);
    if (call !== null) perThread.set(`${call[1]} ${call[2]}`, (perThread.get(`${call[1]} ${call[2]}`) ?? 0) + 1);
  }
  const calls = new Map<string, number>();
  for (const [key, count] of perThread) {
    const name = key.split(' ')[1] ?? '';
    if (!name.startsWith('epoll')) calls.set(name, Math.max(calls.get(name) ?? 0, count));
  }
  return calls;
}

/** Lets the process act and kills it at the k-th such call; answers whether it got to the end. */
async function killAt(child: Child, call: string, k: number): Promise<boolean> {
  const detach = await attach(
    child,
    '-o',
    '/dev/null',
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:signal=SIGKILL:when=${k}`,
  );
  act(child);
  child.process.stdin?.end();
  await child.ended;
  await detach();
  return child.lines.includes('done');
}

async function numberOf(place: VaultFolder, id: string): Promise<number> {
  const store = await place.open();
  const row = await store.get('credential', ann, id);
  await store.close();
  return Number(row?.name);
}

it('a commit writes, syncs, renames, syncs the folder, and only then acknowledges', async (test) => {
  needsStrace(test);
  const place = vaultFolder();
  const trace = await traceOf(await waiting(place, 'commit', randomUUID()), path.join(place.root, 'trace'));
  const temporary = 'vault\\.json\\.tmp-[0-9a-f]+';
  const steps = [
    new RegExp(`openat\\(.*${temporary}", O_WRONLY\\|O_CREAT\\|O_EXCL.*, 0600`),
    new RegExp(`pwrite64\\(.*${temporary}>`),
    new RegExp(`fsync\\(.*${temporary}>`),
    new RegExp(`rename\\(".*${temporary}", ".*/vault\\.json"`),
    new RegExp(`fsync\\(.*<${place.data}>`),
    /write\(1<.*>, "done\\n"/,
  ];
  let from = 0;
  for (const step of steps) {
    const at = trace.findIndex((line, index) => index >= from && step.test(line));
    expect([String(step), at >= from]).toEqual([String(step), true]);
    from = at + 1;
  }
  report(`order of a commit: ${steps.length} of ${steps.length} steps in order`);
});

it('a kill at each system call of a commit leaves the old or the new state', async (test) => {
  needsStrace(test);
  const place = vaultFolder();
  const id = randomUUID();
  const calls = callsOf(await traceOf(await waiting(place, 'commit', id), path.join(place.root, 'trace')));
  expect([...calls.keys()]).toEqual(expect.arrayContaining(['fsync', 'rename', 'pwrite64', 'openat', 'fcntl']));
  let killed = 0;
  const wrong: string[] = [];
  for (const [call, count] of calls) {
    for (let k = 1; k <= count; k++) {
      const child = await waiting(place, 'commit', id);
      const before = await numberOf(place, id);
      const acknowledged = await killAt(child, call, k);
      if (!acknowledged) killed += 1;
      const after = await numberOf(place, id);
      if (after !== before + 1 && (acknowledged || after !== before)) wrong.push(`${call} ${k}: ${before} → ${after}`);
    }
  }
  report(
    `kill at each system call of a commit: ${killed} kills at ${calls.size} kinds of call, ${wrong.length} wrong states`,
  );
  expect(wrong).toEqual([]);
  expect(killed).toBeGreaterThan(20);
});

it('a kill at each system call of making the first vault leaves none, or one that opens', async (test) => {
  needsStrace(test);
  const place = vaultFolder();
  const calls = callsOf(await traceOf(await waiting(place, 'create', '', ''), path.join(place.root, 'trace')));
  let killed = 0;
  const wrong: string[] = [];
  for (const [call, count] of calls) {
    for (let k = 1; k <= count; k++) {
      await rm(place.data, { recursive: true, force: true });
      await rm(path.dirname(place.noKey.fallbackKeyFile), { recursive: true, force: true });
      if (!(await killAt(await waiting(place, 'create', '', ''), call, k))) killed += 1;
      const opened = await place.open({ key: place.noKey }).then(
        (store) => store.close(),
        (error: unknown) => error,
      );
      if (opened !== undefined) wrong.push(`${call} ${k}: ${opened}`);
    }
  }
  report(`kill at each system call of the first start: ${killed} kills, ${wrong.length} vaults that do not open`);
  expect(wrong).toEqual([]);
  expect(killed).toBeGreaterThan(20);
});

it('115. a kill at each system call of bringing a vault of the first format up to date leaves that one, or the new one', async (test) => {
  needsStrace(test);
  const key = firstFormatKey.key ?? '';
  const place = vaultFolder();
  const reset = async () => {
    await rm(place.data, { recursive: true, force: true });
    await cp(path.dirname((await inFile('key', firstFormatKey)).file), place.data, { recursive: true });
  };
  await reset();
  const calls = callsOf(await traceOf(await waiting(place, 'create', '', key), path.join(place.root, 'trace')));
  expect([...calls.keys()]).toEqual(expect.arrayContaining(['fsync', 'rename', 'pwrite64']));
  const found: Record<string, number> = { '{"keyward":1,': 0, '{"keyward":2,': 0 };
  const wrong: string[] = [];
  for (const [call, count] of calls) {
    for (let k = 1; k <= count; k++) {
      await reset();
      await killAt(await waiting(place, 'create', '', key), call, k);
      const beginning = (await readFile(place.file, 'utf8')).slice(0, 13);
      found[beginning] = (found[beginning] ?? 0) + 1;
      const store = await place.open({ key: firstFormatKey });
      if ((await unreadableIn(store)) > 0) wrong.push(`${call} ${k}`);
      await store.close();
    }
  }
  report(`kill at each system call of an upgrade: ${JSON.stringify(found)} found, ${wrong.length} that do not open`);
  expect(wrong).toEqual([]);
  expect(Object.keys(found)).toHaveLength(2);
});

it('an input/output error at any call of a commit is a typed error; the old state stays, and the next commit works', async (test) => {
  needsStrace(test);
  const place = vaultFolder();
  const id = randomUUID();
  const faults = [
    ['openat', 1, 'EIO', 'storage_failed'],
    ['pwrite64', 1, 'EIO', 'storage_failed'],
    ['pwrite64', 1, 'ENOSPC', 'storage_full'],
    ['fsync', 1, 'EIO', 'storage_failed'],
    ['fsync', 2, 'EIO', 'storage_failed'],
    ['rename', 1, 'EIO', 'storage_failed'],
    ['rename', 1, 'EROFS', 'storage_readonly'],
  ] as const;
  const outcomes: string[] = [];
  for (const [call, k, error, code] of faults) {
    const child = await waiting(place, 'commit', id);
    const before = await numberOf(place, id);
    const detach = await attach(
      child,
      '-o',
      '/dev/null',
      '-e',
      `trace=${call}`,
      '-e',
      `inject=${call}:error=${error}:when=${k}`,
    );
    act(child);
    const said = await Promise.race([child.saw('storage_'), child.saw('done')]);
    const after = await numberOf(place, id);
    await detach();
    act(child);
    await child.saw('done');
    child.process.stdin?.end();
    await child.done();
    // The second sync is that of the folder: by then the new state is in place.
    const expected = call === 'fsync' && k === 2 ? before + 1 : before;
    const recovered = await numberOf(place, id);
    outcomes.push(
      said === code && after === expected && recovered === expected + 1
        ? 'ok'
        : `${call} ${k} ${error}: ${said}, ${before} → ${after} → ${recovered}`,
    );
  }
  report(
    `input/output errors at system calls: ${outcomes.filter((outcome) => outcome === 'ok').length} of ${faults.length} typed and recovered`,
  );
  expect(outcomes).toEqual(faults.map(() => 'ok'));
});
