/** Real processes for tests: a TypeScript file of the tests is bundled and run by node. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { rolldown } from 'rolldown';
import { bundling, replaceFiles, writing } from '../../scripts/bundling.ts';
import { inAscii, lighter } from '../../scripts/lighter.ts';

const root = path.join(import.meta.dirname, '..', '..');

/**
 * Bundles the file for node, as Keyward is bundled, and answers the path of the result, alone with what it loads in a folder
 * below node_modules, so that native packages resolve. Other test files may be bundling the same one.
 */
export async function bundleChild(file: string): Promise<string> {
  const folder = path.join(root, 'node_modules', '.cache', 'keyward', path.basename(file, '.ts'));
  const bundle = await rolldown({
    ...bundling,
    input: path.join(root, file),
    external: [...bundling.external, 'vitest'],
    plugins: [...bundling.plugins, ...lighter],
  });
  const { output } = await bundle.generate({
    ...writing,
    entryFileNames: '[name].mjs',
    chunkFileNames: 'chunks/[name]-[hash].mjs',
  });
  await bundle.close();
  const chunks = output.filter((part) => part.type === 'chunk');
  const files = new Map(chunks.map(({ fileName, code }) => [path.join(folder, fileName), inAscii(code)]));
  const entry = path.join(folder, output[0].fileName);
  await replaceFiles(folder, entry, files);
  return entry;
}

export type Child = {
  readonly process: ChildProcess;
  /** Lines of stdout so far. */
  readonly lines: readonly string[];
  /** Resolves with stdout's lines and how the process ended. stderr goes to the error message of `done`. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>;
  /** Resolves with the lines once the process ended with exit code 0. */
  done(): Promise<readonly string[]>;
  /** Resolves once stdout has a line that begins like this. */
  saw(beginning: string): Promise<string>;
};

/** Runs a bundled file; `command` goes in front of node (`strace …`). */
export function runChild(
  script: string,
  args: readonly string[],
  options: { readonly command?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Child {
  const [command = '', ...rest] = [...(options.command ?? []), process.execPath, script, ...args];
  const child = spawn(command, rest, { env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const watchers = new Set<(line: string) => void>();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const watcher of watchers) watcher(line);
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }));
  return {
    process: child,
    lines,
    ended,
    async done() {
      const { code, signal } = await ended;
      if (code !== 0) throw new Error(`${path.basename(script)} ended with ${code ?? signal}: ${stderr}`);
      return lines;
    },
    saw(beginning) {
      const seen = new Promise<string>((resolve) => {
        const watcher = (line: string) => {
          if (line.startsWith(beginning)) resolve(line);
        };
        lines.forEach(watcher);
        watchers.add(watcher);
      });
      const early = ended.then(() => {
        throw new Error(`${path.basename(script)} ended before it said ${beginning}: ${stderr}`);
      });
      early.catch(() => undefined);
      return Promise.race([seen, early]);
    },
  };
}
