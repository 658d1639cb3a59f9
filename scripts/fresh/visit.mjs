/**
 * Runs README's two commands in the clone in which it is started, as the user and with the environment that it was
 * started with. It needs nothing but Node: the clone has no packages yet. Ends with 1 and a sentence if something fails.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** @typedef {Pick<import('./places.ts').Place, 'closedStdin' | 'portTaken' | 'tests'>} Visit */

const { closedStdin, portTaken, tests } = /** @type {Visit} */ (JSON.parse(process.argv[2] ?? '{}'));
/** Milliseconds in which packages are installed, Keyward is built and started. */
const startsWithinMs = 600_000;

const ownSettings = {
  KEYWARD_HOME: '/nowhere',
  KEYWARD_STORE: 'postgres://keyward@db.invalid/keyward',
  PGUSER: 'somebody',
  PGSSLMODE: 'verify-full',
};
/** @type {(() => Promise<unknown>)[]} */
const endings = [];
try {
  await visit();
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  for (const end of endings.reverse()) await end();
}

async function visit() {
  const port = await freePort();
  if (portTaken === 'by a program') {
    // Keyward's port, and PostgreSQL's. Where they are taken already they are taken.
    for (const taken of [7355, 5432]) await listen(taken).catch(() => undefined);
    await refused('npm ci && npm start', {}, 7355);
    await serves(`npm start -- --port ${port}`, {}, port);
  } else if (portTaken === 'by Keyward') {
    const first = await start('npm ci && npm start', { KEYWARD_PORT: `${port}` }, port);
    endings.push(first.stop);
    await refused('npm start', { KEYWARD_PORT: `${port}` }, port);
    const other = await freePort();
    await serves(`npm start -- --port ${other}`, {}, other);
  } else {
    await serves('npm ci && npm start', { KEYWARD_PORT: `${port}` }, port);
  }
  await succeeds(tests === undefined ? 'npm cit' : `npm test -- ${tests.join(' ')}`);
}

/**
 * Starts Keyward and waits until it has said everything that a person needs.
 * @param {string} command @param {Record<string, string>} env @param {number} port
 */
async function start(command, env, port) {
  const child = run(command, env);
  const exited = once(child, 'exit');
  let said = '';
  const ready = new Promise((resolve) => {
    child.stdout.on('data', (text) => {
      said += text;
      if (/ status --port \d+\n/.test(said)) resolve(true);
    });
  });
  const timer = new AbortController();
  const late = delay(startsWithinMs, false, { signal: timer.signal }).catch(() => false);
  const started = await Promise.race([ready, exited.then(() => false), late]);
  timer.abort();
  if (!started) throw new Error(`It did not start: ${command}`);
  const { status } = await fetch(`http://127.0.0.1:${port}/readyz`);
  if (status !== 200) throw new Error(`It answers ${status} at /readyz: ${command}`);
  return {
    async stop() {
      end(child, 'SIGINT');
      await exited;
      await freed(port);
    },
  };
}

/** @param {string} command @param {Record<string, string>} env @param {number} port */
async function serves(command, env, port) {
  const started = await start(command, env, port);
  await started.stop();
}

/**
 * Where the port is taken, one sentence says so and names another one.
 * @param {string} command @param {Record<string, string>} env @param {number} port
 */
async function refused(command, env, port) {
  const child = run(command, env);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said += text;
    });
  }
  const [code] = await once(child, 'close');
  if (code === 0 || !said.includes(`Port ${port} is taken`) || !/--port \d+/.test(said)) {
    throw new Error(`It should have said that port ${port} is taken: ${command}`);
  }
}

/**
 * The tests follow none of what a person has set for a Keyward and a PostgreSQL of their own.
 * @param {string} command
 */
async function succeeds(command) {
  const [code] = await once(run(command, ownSettings), 'close');
  if (code !== 0) throw new Error(`It failed: ${command}`);
}

/** @param {string} command @param {Record<string, string>} env */
function run(command, env) {
  const shell = `exec 0<${closedStdin ? '&-' : '/dev/null'}; ${command}`;
  const child = spawn('sh', ['-c', shell], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  endings.push(async () => end(child, 'SIGKILL'));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => void process.stdout.write(text));
  }
  return child;
}

/**
 * Signals everything that a command started, as Ctrl-C does.
 * @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} signal
 */
function end(child, signal) {
  try {
    process.kill(-(child.pid ?? 0), signal);
  } catch {
    // It has ended.
  }
}

/** @param {number} port */
async function listen(port) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  endings.push(async () => void server.close());
}

/** A port that the system gives to nobody else meanwhile. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

/** @param {number} port */
async function freed(port) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isFree(port)) return;
    await delay(100);
  }
  throw new Error(`Port ${port} is still taken after Ctrl-C.`);
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
