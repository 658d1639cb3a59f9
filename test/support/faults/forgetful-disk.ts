/**
 * A disk that shows what a power cut could leave. It works on real files and keeps a journal; from the journal it makes
 * every folder that a cut after some operation may leave: data that was not synced is there, torn or missing, and of
 * the names that changed since the last folder sync, the first few.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Disk, realDisk } from '../../../src/store/json/disk.ts';

type Step =
  | { readonly op: 'create'; readonly name: string; readonly inode: number }
  | { readonly op: 'write'; readonly inode: number; readonly bytes: Buffer; readonly position: number }
  | { readonly op: 'sync'; readonly inode: number }
  | { readonly op: 'rename'; readonly from: string; readonly to: string }
  | { readonly op: 'remove'; readonly name: string }
  | { readonly op: 'syncFolder' }
  | { readonly op: 'acknowledged' };

type Inode = { content: Buffer; synced: Buffer };
type NameChange = Extract<Step, { op: 'create' | 'rename' | 'remove' }>;

export type Leftover = {
  /** How many acknowledgements came before the cut. */
  readonly acknowledged: number;
  readonly what: string;
  readonly files: ReadonlyMap<string, Buffer>;
};

export type ForgetfulDisk = Disk & {
  /** To be called when a commit was acknowledged. */
  acknowledge(): void;
  leftovers(): Iterable<Leftover>;
};

/** `ignoring` is for showing that a missing sync is noticed. */
export function forgetfulDisk(ignoring?: 'sync' | 'syncFolder'): ForgetfulDisk {
  const journal: Step[] = [];
  let inodes = 0;
  const base = (file: string) => path.basename(file);
  const note = (step: Step) => {
    if (step.op !== ignoring) journal.push(step);
  };
  return {
    async create(file) {
      const real = await realDisk.create(file);
      inodes += 1;
      const inode = inodes;
      note({ op: 'create', name: base(file), inode });
      return {
        ...real,
        async write(bytes, position) {
          // In two parts, so that a cut can fall between them.
          const part = bytes.subarray(0, Math.max(1, Math.ceil(bytes.length / 2)));
          const taken = await real.write(part, position);
          note({ op: 'write', inode, bytes: Buffer.from(part.subarray(0, taken)), position });
          return taken;
        },
        async sync() {
          await real.sync();
          note({ op: 'sync', inode });
        },
      };
    },
    async rename(from, to) {
      await realDisk.rename(from, to);
      note({ op: 'rename', from: base(from), to: base(to) });
    },
    async remove(file) {
      await realDisk.remove(file);
      note({ op: 'remove', name: base(file) });
    },
    async syncFolder(folder) {
      await realDisk.syncFolder(folder);
      note({ op: 'syncFolder' });
    },
    acknowledge: () => note({ op: 'acknowledged' }),
    *leftovers() {
      for (let cut = 0; cut <= journal.length; cut++) yield* leftoversOf(journal.slice(0, cut));
    },
  };
}

/** Writes what was left into a folder. */
export async function restore(leftover: Leftover, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of leftover.files) await writeFile(path.join(folder, name), content);
}

function* leftoversOf(steps: readonly Step[]): Iterable<Leftover> {
  const inodes = new Map<number, Inode>();
  const durable = new Map<string, number>();
  let pending: NameChange[] = [];
  let acknowledged = 0;
  for (const step of steps) {
    if (step.op === 'acknowledged') acknowledged += 1;
    else if (step.op === 'syncFolder') {
      for (const change of pending) applyName(durable, change);
      pending = [];
    } else if (step.op === 'write' || step.op === 'sync') {
      const inode = inodes.get(step.inode) ?? { content: Buffer.alloc(0), synced: Buffer.alloc(0) };
      inodes.set(step.inode, inode);
      if (step.op === 'sync') inode.synced = inode.content;
      else inode.content = Buffer.concat([inode.content.subarray(0, step.position), step.bytes]);
    } else pending.push(step);
  }
  for (let kept = 0; kept <= pending.length; kept++) {
    const names = new Map(durable);
    for (const change of pending.slice(0, kept)) applyName(names, change);
    for (const data of ['lost', 'torn', 'there'] as const) {
      const files = new Map([...names].map(([name, inode]) => [name, remaining(inodes.get(inode), data)]));
      yield { acknowledged, files, what: `after ${steps.at(-1)?.op} (${steps.length}), ${kept} names, data ${data}` };
    }
  }
}

function applyName(names: Map<string, number>, change: NameChange): void {
  if (change.op === 'create') names.set(change.name, change.inode);
  else if (change.op === 'remove') names.delete(change.name);
  else {
    const inode = names.get(change.from);
    names.delete(change.from);
    if (inode !== undefined) names.set(change.to, inode);
  }
}

function remaining(inode: Inode | undefined, data: 'lost' | 'torn' | 'there'): Buffer {
  if (inode === undefined) return Buffer.alloc(0);
  if (inode.synced === inode.content || data === 'there') return inode.content;
  const torn = Math.floor((inode.synced.length + inode.content.length) / 2);
  return data === 'lost' ? inode.synced : inode.content.subarray(0, torn);
}
