/** A change of a client's file as a person is shown it: a unified diff without anybody's secrets. */
import { styleText } from 'node:util';
import { plain } from '../terminal/table.ts';
import type { Plan } from './plan.ts';
import { spotsOf } from './servers.ts';

/** Longest line that is shown whole, in characters; of a longer one, that part which changes. */
const longest = 160;

/** How much of such a line stands before the change. */
const before = 40;

/**
 * @param known words that may be shown: those that Keyward writes. Every other value and every comment is an ellipsis,
 *   since other servers' tokens stand in such files, and so may the person's passphrase in Keyward's own entry.
 */
export async function diffOf({ config, text }: Plan, known: ReadonlySet<string>, colours: boolean): Promise<string> {
  const { structuredPatch } = await import('diff');
  const veiled = async (whole: string) => {
    const spots = await spotsOf(config, whole);
    return spots.reduceRight(
      (all, { from, to, value }) => all.slice(0, from) + veil(all.slice(from, to), value, known) + all.slice(to),
      whole,
    );
  };
  const [old, next] = await Promise.all([veiled(config.text), veiled(text ?? '')]);
  const { hunks } = structuredPatch('', '', lines(old), lines(next), undefined, undefined, { context: 2 });
  const shown = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: changed }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...clipped(changed.filter((line) => !line.startsWith('\\'))),
  ]);
  const head = [
    `--- ${config.bytes === null ? 'no file yet' : config.path}`,
    `+++ ${text === null ? 'no file' : config.path}`,
  ];
  return [...head, ...shown].map((line) => coloured(plain(line), colours)).join('\n');
}

function veil(piece: string, value: unknown, known: ReadonlySet<string>): string {
  if (typeof value === 'boolean' || (typeof value === 'string' && known.has(value))) return piece;
  const open = /^(\/\/|\/\*|#)/.exec(piece)?.[0];
  if (value === null && open !== undefined) return `${open} …${open === '/*' ? ' */' : ''}`;
  return typeof value === 'string' ? '"…"' : '…';
}

function lines(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll('\t', '    ');
}

/** A file on one line would fill the screen. */
function clipped(changed: readonly string[]): string[] {
  const removed = changed.find((line) => line.startsWith('-')) ?? '';
  const added = changed.find((line) => line.startsWith('+')) ?? '';
  let alike = 1;
  while (alike < removed.length && removed[alike] === added[alike]) alike += 1;
  return changed.map((line) => {
    if (line.length <= longest) return line;
    const from = Math.max(1, Math.min(alike, line.length) - before);
    const end = from + longest;
    return `${line[0]}${from > 1 ? '…' : ''}${line.slice(from, end)}${end < line.length ? '…' : ''}`;
  });
}

function coloured(line: string, colours: boolean): string {
  if (!colours) return line;
  if (line.startsWith('+')) return styleText('green', line);
  if (line.startsWith('-')) return styleText('red', line);
  return line.startsWith('@') ? styleText('cyan', line) : line;
}
