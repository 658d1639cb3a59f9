/** Programs that sign in at Keyward itself: what their tokens cost, how long signing in takes, and what many of them change. */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  openBrowser,
  refreshTokens,
  registerProgram,
  signInProgram,
  type Tokens,
} from '../../test/support/clients/program.ts';
import { startPostgres } from '../../test/support/servers/postgres-server.ts';
import { type Figure, median, milliseconds, timed } from './figures.ts';
import { inTurns } from './load.ts';
import { cpuSeconds, freePort, sessionToken, started, stopped } from './processes.ts';
import { toolCall } from './tool-call.ts';
import { type Home, makeHome, newDatabase } from './vaults.ts';

const owner = { tenant: 'default', user: 'bench' };
const scopes = 'credentials:read,credentials:write,credentials:use';
const credentials = 100;
const signIns = 20;
const [few, many] = [1_000, 1_000_000];
/** A registration for so many assistants. */
const assistantsOfClient = 10;
const [rounds, perRound] = [20, 20];

type Running = {
  readonly origin: string;
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** A program comes in: its person signs in with a code, and says yes. */
  enter(): Promise<Tokens>;
  stop(): Promise<void>;
};

async function run(home: Home): Promise<Running> {
  const port = await freePort();
  const limits = { KEYWARD_RATE_LIMIT: '100000000', KEYWARD_TRUSTED_PROXIES: '127.0.0.1' };
  const env = { PATH: process.env.PATH, ...home.env, KEYWARD_PORT: `${port}`, ...limits };
  const child = await started(
    spawn(process.execPath, ['dist/main.js', 'http'], { env, stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const origin = `http://127.0.0.1:${port}`;
  const newCode = async () => {
    const args = ['dist/main.js', 'sign-in', '--user', owner.user];
    return (await promisify(execFile)(process.execPath, args, { env })).stdout.trim();
  };
  return {
    origin,
    env,
    pid: child.pid ?? 0,
    enter: async () => signInProgram(origin, await registerProgram(origin), openBrowser(), newCode),
    async stop() {
      await stopped(child);
      await home.remove();
    },
  };
}

/** What an access token costs beside a session token, and how long Keyward works from a program's request to its first call. */
export async function signingIn(): Promise<Figure[]> {
  const keyward = await run(await makeHome(credentials, owner));
  try {
    const call = (token: string) =>
      toolCall(keyward.origin, 'list_credentials', {}, { authorization: `Bearer ${token}` });
    const comeIn = async () => {
      const { access } = await keyward.enter();
      const { origin, path, method, headers, body } = call(access);
      await (await fetch(`${origin}${path}`, { method, headers, body })).text();
      return access;
    };
    // The first one meets code that nothing has run yet.
    let access = await comeIn();
    const before = await cpuSeconds(keyward.pid);
    for (let at = 0; at < signIns; at += 1) access = await comeIn();
    const perSignIn = (((await cpuSeconds(keyward.pid)) - before) / signIns) * 1_000;
    const session = await sessionToken(keyward.env, owner, scopes);
    const [withAccess, withSession] = await inTurns([call(access), call(session)], 4, 8, 1_000);
    if (!withAccess || !withSession) throw new Error('Nothing was measured.');
    return [
      {
        name: 'list_credentials, p50 with an access token / with a session token',
        value: withAccess.p50 / withSession.p50,
        unit: 'x',
        goal: { is: '<=', than: 1.05 },
        from: `${milliseconds(withAccess.p50)} / ${milliseconds(withSession.p50)}`,
      },
      {
        // Processor time is the steadier one where other programs use the machine too; there is no waiting in it.
        name: 'a program from its registration to its first call, CPU of Keyward',
        value: perSignIn,
        unit: 'ms',
        goal: { is: '<=', than: 50 },
        from: `${signIns} sign-ins, each with a code and the page that asks`,
      },
    ];
  } finally {
    await keyward.stop();
  }
}

/** Renewing a token in a database with many assistants, each of which has one refresh token, against one with few. */
export async function manyAssistants(): Promise<Figure[]> {
  const server = await startPostgres();
  const running: { readonly keyward: Running; tokens: Tokens }[] = [];
  try {
    for (const count of [few, many]) {
      const database = await newDatabase(server.url, `assistants_${count}`);
      const keyward = await run(await makeHome(1, owner, database));
      running.push({ keyward, tokens: await keyward.enter() });
      await addStrangers(database, count);
    }
    const times = running.map((): number[] => []);
    for (let round = -1; round < rounds; round += 1) {
      for (const [index, one] of running.entries()) {
        for (let at = 0; at < perRound; at += 1) {
          const ms = await timed(async () => {
            one.tokens = await refreshTokens(one.keyward.origin, one.tokens);
          });
          // The first round prepares statements and fills caches.
          if (round >= 0) times[index]?.push(ms);
        }
      }
    }
    const [small = 0, large = 0] = times.map(median);
    return [
      {
        name: `PostgreSQL: renewing a token at ${many} assistants / at ${few}`,
        value: large / small,
        unit: 'x',
        goal: { is: '<=', than: 1.3 },
        from: `${milliseconds(large)} / ${milliseconds(small)}, with ${many / assistantsOfClient} programs`,
      },
    ];
  } finally {
    await Promise.all(running.map(({ keyward }) => keyward.stop()));
    await server.stop();
  }
}

/** Rows like that of the assistant and the program that are there, of strangers; nobody opens their boxes. */
async function addStrangers(database: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const copies = (kind: string, rows: number, ownerOf: string) =>
    client.query(
      `insert into keyward_records
         (kind, id, tenant, owner, version, secret_version, created_at, updated_at, sealed, metadata, status, shared,
          ends_at)
       select r.kind, gen_random_uuid()::text, r.tenant, ${ownerOf}, r.version, r.secret_version, r.created_at + at,
         r.updated_at, repeat(md5(at::text), 12), r.metadata, r.status, false, r.ends_at
       from (select * from keyward_records where kind = '${kind}' limit 1) r, generate_series(1, ${rows}) at`,
    );
  await copies('assistant', count, `'stranger-' || at / 10`);
  await copies('registration', count / assistantsOfClient, 'r.owner');
  await client.query('vacuum analyze');
  await client.end();
}
