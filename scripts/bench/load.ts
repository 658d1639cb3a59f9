/** Load over HTTP from this process, through kept-alive connections, and what it showed. */
import { Pool } from 'undici';

export type Target = {
  readonly origin: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null sends none. */
  readonly body: string | null;
};

/** Durations in milliseconds, and how long all of it took. */
export type Load = { readonly durations: number[]; readonly elapsed: number };

/** Sends requests for so long, over so many connections, each waiting for its answer. Anything but 200 fails. */
export async function load(target: Target, connections: number, milliseconds: number): Promise<Load> {
  const pool = new Pool(target.origin, { connections, pipelining: 1 });
  const { method, path, headers, body } = target;
  const durations: number[] = [];
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < milliseconds) {
      const from = performance.now();
      const answer = await pool.request({ method, path, headers, body });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`The answer has status ${answer.statusCode}.`);
      if (text.includes('"isError":true')) throw new Error('The tool answered an error.');
      durations.push(performance.now() - from);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, caller));
    return { durations, elapsed: performance.now() - start };
  } finally {
    await pool.close();
  }
}

/** The load on several targets in turns, so that a slow moment of the machine hits all of them. */
export async function inTurns(targets: readonly Target[], connections: number, rounds: number, milliseconds: number) {
  const loads = targets.map((): Load[] => []);
  const calls = targets.map(() => 0);
  // The first round warms code and connections.
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, target] of targets.entries()) {
      const one = await load(target, connections, milliseconds);
      calls[index] = (calls[index] ?? 0) + one.durations.length;
      if (round >= 0) loads[index]?.push(one);
    }
  }
  return loads.map((parts, index) => ({
    /** With those of the first round. */
    calls: calls[index] ?? 0,
    perSecond: (parts.flatMap(({ durations }) => durations).length / sum(parts.map(({ elapsed }) => elapsed))) * 1_000,
    p50: quantile(
      parts.flatMap(({ durations }) => durations),
      0.5,
    ),
    p99: quantile(
      parts.flatMap(({ durations }) => durations),
      0.99,
    ),
  }));
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  if (value === undefined) throw new Error('Nothing was measured.');
  return value;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
