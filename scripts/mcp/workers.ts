/** Clients that call one tool again and again, and what disturbs them. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

export type Worker = {
  readonly name: string;
  /** A new way to the server, each time. */
  readonly open: () => Transport;
};

export type Tally = {
  calls: number;
  /** Failed while something on their way was killed, or was not back yet. */
  underWay: number;
  /** Failed although nothing was killed on their way. */
  lost: number;
  /** What the first lost ones were told. */
  readonly words: string[];
};

/** Times at which something was killed: from then until it was back. */
export type Disturbances = {
  readonly from: number;
  until: number;
  /** What the names of those begin with whose way it was. */
  readonly whom: string;
}[];

/** Clients of all, before anything is disturbed: they start one after the other. */
export async function connectAll(workers: readonly Worker[]): Promise<Client[]> {
  const all: Client[] = [];
  for (const { open } of workers) all.push(await connected(open()));
  return all;
}

/** Calls until the count is full or the time is over; a client whose way ended takes a new one. */
export async function runWorker(
  { name, open }: Worker,
  options: {
    readonly first: Client;
    readonly calls: number;
    readonly until: number;
    readonly disturbances: Disturbances;
    readonly tally: Tally;
  },
): Promise<void> {
  const { first, calls, until, disturbances, tally } = options;
  let client: Client | null = first;
  for (let done = 0; done < calls && Date.now() < until; ) {
    const began = Date.now();
    try {
      client ??= await connected(open());
      const result = await client.callTool({ name: 'echo', arguments: { words: name } }, undefined, {
        timeout: 60_000,
      });
      if (result.isError) throw new Error(JSON.stringify(result.content));
      tally.calls += 1;
      done += 1;
      await delay(200);
    } catch (error) {
      await client?.close().catch(() => {});
      client = null;
      const now = Date.now();
      const hit = disturbances.some(
        ({ from, until: end, whom }) => name.startsWith(whom) && from <= now && end >= began,
      );
      if (hit) tally.underWay += 1;
      else {
        tally.lost += 1;
        if (tally.words.length < 3) tally.words.push(`${name}: ${error instanceof Error ? error.message : error}`);
      }
      await delay(200);
    }
  }
  await client?.close().catch(() => {});
}

async function connected(transport: Transport): Promise<Client> {
  const client = new Client({ name: 'race', version: '1' });
  await client.connect(transport, { timeout: 60_000 });
  return client;
}
