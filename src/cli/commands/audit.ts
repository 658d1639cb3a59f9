/** `keyward audit …`: reads the audit log of the vault, offline. Both answer to a person; nothing is changed. */
import { resolve } from 'node:path';
import { KeywardError } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import type { AuditHead } from '../../store/audit/audit-head.ts';
import { archiveAt } from '../../vault/audit/archives.ts';
import { archiveLine, parseHead } from '../../vault/audit/audit-chain.ts';
import { type Problem, problemsOfArchive, verifyAudit } from '../../vault/audit/audit-verify.ts';
import type { Run } from '../command.ts';
import { withProgress } from '../terminal/progress.ts';
import { table } from '../terminal/table.ts';
import { commandLine, withStore } from '../with-store.ts';

const defaultLines = 20;

/** Prints the newest entries, oldest first. */
export const tail: Run = (invocation) => {
  const wanted = readCount(invocation.flags.get('lines') ?? String(defaultLines));
  return withStore(invocation, async (store) => {
    const newest: string[] = [];
    for await (const line of store.readAudit()) {
      newest.push(line);
      if (newest.length > wanted) newest.shift();
    }
    process.stdout.write(newest.length === 0 ? 'The audit log is empty.\n' : table(newest.map(cells)));
    return 0;
  });
};

/** Checks every chain; exit code 1 when something was altered. */
export const verify: Run = (invocation) => {
  const since = readSince(invocation.flags.get('since'));
  const archives = namesIn(invocation.flags.get('archives')).map(archiveAt);
  return withStore(invocation, async (store) => {
    const { lines, chains, torn, problems, ok, sealedLines, head, archived } = await withProgress(
      'Verifying line',
      (onStep) => verifyAudit(store, { since, archives, onStep }),
    );
    const found = problems.map(inWords);
    const cut = torn.map((line) => `line ${line}: cut short by a crash while it was written; nothing relied on it.\n`);
    const verdict = ok
      ? `The audit log is whole: ${count(lines, 'entry', 'entries')}, ${count(chains, 'chain', 'chains')}.\n`
      : `The audit log was ALTERED: ${count(problems.length, 'problem', 'problems')}.\n`;
    const aside =
      archived.lines === 0
        ? ''
        : `The ${count(archived.lines, 'line', 'lines')} before these are in archives; --archives checks them, too.\n`;
    const cover = `The vault vouches for the first ${count(sealedLines, 'line', 'lines')} of ${head.lines}.\n`;
    process.stdout.write([...cut, ...found, verdict, aside, cover, `Head: ${head.lines}:${head.digest}\n`].join(''));
    return ok ? 0 : 1;
  });
};

/** Puts all lines into a file, and begins the log anew. */
export const archive: Run = (invocation) => {
  const to = invocation.flags.get('to');
  if (to === undefined) throw new KeywardError('config_invalid', '--to is missing: it names the file of the archive.');
  const file = resolve(to);
  return withStore(invocation, async (store) => {
    const { ok } = await withProgress('Verifying line', (onStep) => verifyAudit(store, { onStep }));
    if (!ok) {
      throw new KeywardError('vault_damaged', 'The audit log was altered, so nothing is put aside.', {
        hint: 'See what is wrong with it: keyward audit verify. To keep it as it is, copy it.',
      });
    }
    const { tenant, user } = localPrincipal;
    const by = { tenant, user, client: commandLine };
    const { lines, digest } = await store.archiveAudit(file, (keyring, head) => archiveLine(keyring, head, by));
    // Between the check and the move somebody with an old key may have written once more.
    const problems = await problemsOfArchive(store.keyring, archiveAt(file));
    process.stdout.write(problems.map(inWords).join(''));
    process.stdout.write(
      `${count(lines, 'line', 'lines')} of the audit log up to now: the last of them are in ${file}.\n`,
    );
    process.stdout.write(`Head: ${lines}:${digest}\n`);
    return problems.length === 0 ? 0 : 1;
  });
};

function inWords({ line, problem, archive }: Problem): string {
  return `${archive === undefined ? '' : `${archive}, `}line ${line}: ${problem}\n`;
}

function namesIn(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(',').map((name) => resolve(name.trim()));
}

/** A head as it was printed; undefined where none is given. */
function readSince(text: string | undefined): AuditHead | undefined {
  if (text === undefined) return undefined;
  const head = parseHead(text);
  if (head !== undefined) return head;
  throw new KeywardError('config_invalid', '--since must be a head as keyward audit verify prints it.');
}

/** Time, outcome, action, about what, by whom, and why. A line that is no entry is shown as what it is. */
function cells(line: string): readonly string[] {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return ['(cut short)'];
  }
  const say = (name: string) => String(entry[name] ?? '');
  const times = entry.count === undefined ? '' : `${say('count')} times`;
  const person = say('onBehalfOf');
  const who = say('tenant') === '' ? 'somebody' : `${say('tenant')}/${say('user')}${person && ` for ${person}`}`;
  return [
    say('time'),
    say('outcome'),
    say('action') + (say('request') && ` ${say('request')}`),
    say('connectorId') || '-',
    say('subject') || '-',
    [who, say('client') && `through ${say('client')}`, say('code'), times, say('reason')]
      .filter((part) => part !== '')
      .join(', '),
  ];
}

function readCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count > 0) return count;
  throw new KeywardError('config_invalid', '--lines must be a whole number from 1.');
}

const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;
