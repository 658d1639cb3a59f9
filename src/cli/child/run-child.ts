/** Runs another program as if it had been started alone, but for what is taken out of its output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeEnds, openPipes } from '../../net/pipe.ts';
import { createScrubber } from '../../net/scrub/scrub.ts';
import { plain } from '../terminal/table.ts';
import { passOutput } from './output.ts';
import { type ChildEnd, passSignals } from './signals.ts';

type ChildOptions = {
  readonly env: Readonly<Record<string, string>>;
  /** What is masked in what it prints; with none of them it has the output of this process itself. */
  readonly secrets: readonly string[];
};

/** As shells have it (POSIX, Shell Command Language, 2.8.2): there is no such program; it can't be run. */
const notFound = 127;
const notRunnable = 126;

/** Starts the program and waits for its end. Its input, its terminal and its process group are those of this process. */
export async function runChild(argv: readonly string[], { env, secrets }: ChildOptions): Promise<ChildEnd> {
  const [program = '', ...args] = argv;
  const masked = secrets.length > 0;
  const pipes = masked ? await openPipes(2) : null;
  const [out, err] = pipes?.map(({ end }) => end) ?? (masked ? ['pipe', 'pipe'] : ['inherit', 'inherit']);
  const options = { env, stdio: ['inherit', out, err], windowsHide: false } as Parameters<typeof spawn>[2];
  let child: ChildProcess;
  try {
    child = spawn(program, args, options);
  } catch (error) {
    // Node throws some of what keeps a program from being started.
    const failed = notStarted(program, error as NodeJS.ErrnoException);
    for (const { source } of pipes ?? []) source.destroy();
    process.stderr.write(`${failed.failed}\n`);
    return failed;
  } finally {
    closeEnds(pipes ?? []);
  }
  const stop = passSignals((signal) => child.kill(signal));
  const { live } = createScrubber(secrets);
  const sources = pipes?.map(({ source }) => source) ?? [child.stdout, child.stderr];
  const flows = [process.stdout, process.stderr].flatMap((target, index) => {
    const source = sources[index];
    return source ? [passOutput(source, target, live)] : [];
  });
  try {
    const end = await endOf(child);
    for (const flow of flows) flow.ended();
    await Promise.all(flows.map(({ done }) => done));
    if ('failed' in end) process.stderr.write(`${end.failed}\n`);
    return end;
  } finally {
    stop();
  }
}

function endOf(child: ChildProcess): Promise<ChildEnd & { readonly failed?: string }> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? { code: code ?? 1, signal } : { signal }));
    child.once('error', (error: NodeJS.ErrnoException) => resolve(notStarted(error.path ?? '', error)));
  });
}

function notStarted(program: string, { code }: NodeJS.ErrnoException): ChildEnd & { readonly failed: string } {
  const missing = code === 'ENOENT';
  const failed = missing ? `There is no program ${program}.` : `${program} can not be run (${code}).`;
  return { code: missing ? notFound : notRunnable, signal: null, failed: plain(failed) };
}
