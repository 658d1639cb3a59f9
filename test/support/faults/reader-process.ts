/** Starts `refresh-reader.ts` and talks to it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bundleChild } from '../child.ts';

/** Bundled once: a process that reads the sources one by one takes seconds to start. */
let script: Promise<string> | undefined;

/** `token <access token>` or `error <code>`, each once. */
export type Readings = { readonly outcomes: readonly string[]; readonly ms: number };

export type Reader = { read(count: number): Promise<Readings>; stop(): Promise<void> };

export async function startReader(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Reader> {
  script ??= bundleChild('test/support/faults/refresh-reader.ts');
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [await script, ...args], {
    env: { ...process.env, ...env },
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`The reader ended: ${errors}`);
    return value;
  };
  await line();
  return {
    async read(count) {
      child.stdin.write(`${count}\n`);
      return JSON.parse(await line());
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
