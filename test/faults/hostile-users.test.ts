/** The figure of bounds: one good user beside two hundred hostile ones and an address with ten thousand sockets. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { expect, it } from 'vitest';
import { createSession } from '../../src/broker/sign-in/sessions.ts';
import { localPrincipal, type Owner, scopes } from '../../src/principal.ts';
import { openStore } from '../../src/store/open.ts';
import { openVault } from '../../src/vault/open.ts';
import { bundleChild, runChild } from '../support/child.ts';
import { freePort } from '../support/clients/mcp-clients.ts';
import { report } from '../support/faults/report.ts';
import { type CallTool, callerOf } from '../support/faults/tool-caller.ts';
import { startKeywardHttp } from '../support/servers/keyward-http.ts';

const full = process.env.KEYWARD_FAULTS_FULL !== undefined;
const seconds = full ? 60 : 15;
const users = 200;
const sockets = 10_000;

it(`one good user waits less than 250 ms (p99) beside ${users} hostile users and ${sockets} sockets of one address`, async () => {
  const servicePort = await freePort();
  const keyward = await startKeywardHttp({ KEYWARD_EGRESS_ALLOW: `127.0.0.1:${servicePort}` });
  const names = ['good', ...Array.from({ length: users }, (_, at) => `evil-${at}`)];
  const [token = '', ...tokens] = await sessionTokens(keyward.env, names);
  const pool = new Pool(keyward.origin, { localAddress: '127.0.0.3', connections: 2 });
  const good = callerOf(pool, token);
  const alone = await latencies(good, 3_000);

  const before = memoryOf(keyward.pid);
  const crowd = runChild(await bundleChild('test/support/faults/hostile-crowd.ts'), [
    keyward.origin,
    `${servicePort}`,
    `${sockets}`,
    ...tokens,
  ]);
  await crowd.saw('ready');
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, memoryOf(keyward.pid));
  }, 250);
  const beside = await latencies(good, seconds * 1_000);
  clearInterval(watching);
  crowd.process.kill('SIGKILL');
  await crowd.ended;
  await pool.destroy();
  await keyward.stop();

  const told = ({ durations }: typeof alone) =>
    `p50 ${quantile(durations, 0.5)} ms, p99 ${quantile(durations, 0.99)} ms`;
  report(
    `bounds: ${beside.durations.length} calls of a good user in ${seconds} s beside ${users} hostile users and an ` +
      `address that fills up to ${sockets} sockets: ${told(beside)}, ${beside.failed} failed; alone ${told(alone)}; ` +
      `memory ${before} MB before, at most ${most} MB`,
  );
  expect(beside.failed).toBe(0);
  expect(most - before).toBeLessThan(400);
  expect(quantile(beside.durations, 0.99)).toBeLessThan(250);
});

async function sessionTokens(env: NodeJS.ProcessEnv, names: readonly string[]): Promise<string[]> {
  const home = env.KEYWARD_HOME ?? '';
  const key = { key: env.KEYWARD_KEY ?? '', fallbackKeyFile: `${home}/config/vault.key`, keychain: false };
  const vault = await openVault(await openStore({ store: { kind: 'file', path: `${home}/data/vault.json` }, key }));
  const usual = scopes.filter((scope) => scope !== 'credentials:act-as');
  const make = (who: Owner) => createSession({ vault }, localPrincipal, { ...who, scopes: usual, expiresAt: null });
  const made = await Promise.all(names.map((user) => make({ tenant: 'default', user })));
  await vault.close();
  return made.map(({ token }) => token);
}

/** One call after the other, twenty a second, for so long. */
async function latencies(tool: CallTool, milliseconds: number) {
  const durations: number[] = [];
  let failed = 0;
  for (const ends = performance.now() + milliseconds; performance.now() < ends; ) {
    const begun = performance.now();
    const answer = await tool('list_credentials', {}).catch(() => null);
    if (answer?.status !== 200) failed += 1;
    durations.push(Math.round(performance.now() - begun));
    await sleep(50);
  }
  return { durations, failed };
}

function quantile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * part)] ?? 0;
}

/** Resident memory of a process in MB. */
function memoryOf(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}
