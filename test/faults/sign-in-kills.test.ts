/** Two Keywards on one PostgreSQL, killed while programs sign in and renew their tokens: every answer that was given holds. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/clients/mcp-clients.ts';
import {
  openBrowser,
  refreshTokens,
  registerProgram,
  type SignInStep,
  StartAgain,
  signInProgram,
  signInSteps,
  type Tokens,
} from '../support/clients/program.ts';
import { report } from '../support/faults/report.ts';
import { type Balancer, startBalancer } from '../support/servers/balancer.ts';
import { type HttpKeyward, startKeywardHttp } from '../support/servers/keyward-http.ts';
import { makeDatabase } from '../support/servers/postgres.ts';

const full = process.env.KEYWARD_FAULTS_FULL === '1';
/** How long programs renew their tokens while instances are killed. */
const renewingMs = full ? 180_000 : 4_000;
const programs = full ? 8 : 4;
/** A request is under way for some milliseconds; a kill comes at any of them. */
const latestKillMs = 30;

let origin: string;
let env: NodeJS.ProcessEnv;
let balancer: Balancer;
let database: Awaited<ReturnType<typeof makeDatabase>>;
/** The first one gets every request while it is up. */
let instances: [HttpKeyward, HttpKeyward];
const ports: [number, number] = [0, 0];

beforeAll(async () => {
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  for (const at of [0, 1]) ports[at] = await freePort();
  database = await makeDatabase();
  env = {
    KEYWARD_STORE: database.url,
    KEYWARD_KEY: randomBytes(32).toString('base64'),
    KEYWARD_PUBLIC_URL: origin,
    KEYWARD_TRUSTED_PROXIES: '127.0.0.1',
    KEYWARD_RATE_LIMIT: '1000000',
  };
  instances = await Promise.all([start(ports[0]), start(ports[1])]);
  balancer = await startBalancer(port, ports, 'given');
});
afterAll(async () => {
  await balancer.close();
  await Promise.all(instances.map((one) => one.stop()));
  await database.drop();
});

const start = (port: number) => startKeywardHttp({ ...env, KEYWARD_PORT: `${port}` });

async function killAndRestart(at: 0 | 1): Promise<void> {
  await instances[at].kill();
  instances[at] = await start(ports[at]);
}

const codeFor = async (user: string) => (await instances[1].cli('sign-in', '--user', user)).trim();

/** What a program learns of what it may do with this token: the status of a call. */
async function statusWith({ access }: Tokens): Promise<number> {
  const headers = { authorization: `Bearer ${access}` };
  return (await fetch(`${origin}/api/credentials`, { headers })).status;
}

/** Kills the first instance while the request of one step is under way; it is sent once more if it got no answer. */
function killedAt(killed: SignInStep | 'refresh', restarts: Promise<void>[]) {
  return async <T>(step: SignInStep | 'refresh', send: () => Promise<T>): Promise<T> => {
    if (step !== killed || restarts.length > 0) return send();
    const sent = send().then(
      (answer) => () => answer,
      (error: unknown) => {
        if (error instanceof StartAgain) throw error;
        return send;
      },
    );
    await delay(Math.random() * latestKillMs);
    restarts.push(killAndRestart(0));
    return (await sent)();
  };
}

it('360. a program whose instance is killed under the request of a step comes in once, or is told to start again and comes in', async () => {
  const ended: string[] = [];
  const newCode = () => codeFor('ann');
  let browser = openBrowser();
  for (const step of [...signInSteps, 'refresh'] as const) {
    const restarts: Promise<void>[] = [];
    const clientId = await registerProgram(origin);
    // Who is signed in stays so.
    if (step === 'sign-in') browser = openBrowser();
    const around = killedAt(step, restarts);
    let [tokens, told]: [Tokens | null, string] = [null, ''];
    try {
      const first = await signInProgram(origin, clientId, browser, newCode, around);
      tokens = await around('refresh', () => refreshTokens(origin, first));
    } catch (error) {
      if (!(error instanceof StartAgain)) throw error;
      told = error.message;
      tokens = await signInProgram(origin, clientId, browser, newCode);
    }
    expect([step, restarts.length, await statusWith(tokens)]).toEqual([step, 1, 200]);
    expect(['', 'That came too late', 'This request is over', 'invalid_grant']).toContain(told);
    ended.push(`${step} ${told === '' ? 'went on' : `started again (${told})`}`);
    await Promise.all(restarts);
  }
  report(`an instance killed under a request of each step: ${ended.join(', ')}`);
});

it('361. no grant is lost whose last answer arrived, however often instances are killed while programs renew', async () => {
  const counts = { kills: 0, renewed: 0, unanswered: 0, toldToStartAgain: 0, lost: 0 };
  const clientId = await registerProgram(origin);
  const people = await Promise.all(
    Array.from({ length: programs }, async (_, at) => {
      const [browser, newCode] = [openBrowser(), () => codeFor(`person-${at}`)];
      return { enter: () => signInProgram(origin, clientId, browser, newCode), first: null as Tokens | null };
    }),
  );
  for (const person of people) person.first = await person.enter();
  const end = AbortSignal.timeout(renewingMs);

  async function renew({ enter, first }: (typeof people)[number]): Promise<void> {
    let tokens = first as Tokens;
    /** Whether an answer to this very token may have died with an instance. */
    let isUncertain = false;
    while (!end.aborted) {
      try {
        tokens = await refreshTokens(origin, tokens);
        counts.renewed += 1;
        isUncertain = false;
      } catch (error) {
        if (!(error instanceof StartAgain)) {
          counts.unanswered += 1;
          isUncertain = true;
          await delay(20);
          continue;
        }
        if (isUncertain) counts.toldToStartAgain += 1;
        else counts.lost += 1;
        tokens = await entered(enter);
        isUncertain = false;
      }
    }
    // What was answered last holds in the end.
    if (isUncertain) return;
    expect(await statusWith(tokens)).toBe(200);
    await refreshTokens(origin, tokens);
  }

  const killing = (async () => {
    for (let turn = 0; !end.aborted; turn += 1) {
      await delay(100 + Math.random() * 200);
      await killAndRestart((turn % 2) as 0 | 1);
      counts.kills += 1;
    }
  })();
  const renewing = people.map(renew);
  await killing;
  await Promise.all(renewing);
  report(
    `instances killed ${counts.kills} times under ${programs} programs that renew: ${counts.renewed} renewals answered, ` +
      `${counts.unanswered} not, ${counts.toldToStartAgain} told to start again after that, ${counts.lost} grants lost`,
  );
  expect(counts.lost).toBe(0);
  expect(counts.renewed).toBeGreaterThan(counts.kills);
});

/** Signs in until nothing is killed on the way. */
async function entered(enter: () => Promise<Tokens>): Promise<Tokens> {
  for (;;) {
    try {
      return await enter();
    } catch {
      await delay(50);
    }
  }
}
