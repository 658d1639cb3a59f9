/** Durable writes: many writers against one, and one against the least that a durable write costs. */
import { randomBytes } from 'node:crypto';
import { open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { localPrincipal } from '../../src/principal.ts';
import type { Credential, Vault } from '../../src/vault/vault.ts';
import { type Figure, median, milliseconds, timed } from './figures.ts';
import { type Home, makeHome, secret, vaultOf } from './vaults.ts';

const credentials = 1_000;
const writers = 64;
const rounds = 15;
const writesPerRound = 40;

export async function writing(): Promise<Figure[]> {
  const home = await makeHome(credentials);
  const vault = await vaultOf(home.env);
  const records = await Promise.all(home.credentialIds.slice(0, writers).map((id) => writer(vault, id)));
  const [first] = records;
  if (!first) throw new Error('There is no writer.');

  const rates = { one: [] as number[], many: [] as number[] };
  const latencies = { keyward: [] as number[], bare: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const one = await repeat(writesPerRound, first);
    const bare = await repeat(writesPerRound, await bareWriter(home));
    const many = await timed(() => Promise.all(records.map((write) => repeat(writesPerRound, write))));
    // The first round warms everything up.
    if (round < 0) continue;
    latencies.keyward.push(...one);
    latencies.bare.push(...bare);
    rates.one.push(writesPerRound / (sum(one) / 1_000));
    rates.many.push((writers * writesPerRound) / (many / 1_000));
  }
  await vault.close();
  await home.remove();

  const [oneRate, manyRate] = [median(rates.one), median(rates.many)];
  const [ours, least] = [median(latencies.keyward), median(latencies.bare)];
  return [
    {
      name: `${writers} writers / one writer, ${credentials} credentials`,
      value: manyRate / oneRate,
      unit: 'x',
      goal: { is: '>=', than: 8 },
      from: `${manyRate.toFixed(0)}/s / ${oneRate.toFixed(0)}/s`,
    },
    {
      name: 'one write / bare write + fsync + rename + folder fsync of that size',
      value: ours / least,
      unit: 'x',
      goal: { is: '<=', than: 2 },
      from: `${milliseconds(ours)} / ${milliseconds(least)}`,
    },
  ];
}

type Write = () => Promise<void>;

/** Writes new secrets into one credential, as a refresh does. */
async function writer(vault: Vault, id: string): Promise<Write> {
  const read = () => vault.get('credential', localPrincipal, id);
  let record: Credential | undefined = await read();
  return async () => {
    if (!record) throw new Error('The credential is gone.');
    await vault.commit([{ op: 'update', kind: 'credential', record, secret: secret() }]);
    record = await read();
  };
}

/** The least that makes a file of the vault's size durable. */
async function bareWriter({ vaultFile }: Home): Promise<Write> {
  const { size } = await stat(vaultFile);
  const bytes = randomBytes(size);
  const target = `${vaultFile}.bare`;
  return async () => {
    const file = await open(`${target}.tmp`, 'w', 0o600);
    await file.write(bytes);
    await file.sync();
    await file.close();
    await rename(`${target}.tmp`, target);
    const folder = await open(dirname(target), 'r');
    await folder.sync();
    await folder.close();
  };
}

/** Milliseconds of each. */
async function repeat(times: number, write: Write): Promise<number[]> {
  const taken: number[] = [];
  for (let count = 0; count < times; count += 1) taken.push(await timed(write));
  return taken;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
