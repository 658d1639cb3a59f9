/** `keyward doctor`: what is wrong with this set-up, and what puts it right. */
import type { Run } from '../command.ts';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import { count, plain, printJson } from '../terminal/table.ts';

export const doctor: Run = async (invocation) => {
  const json = invocation.flags.has('json');
  const findings: Finding[] = [];
  await examine(invocation, process.env, (finding) => {
    findings.push(finding);
    if (!json) process.stdout.write(line(finding));
  });
  const wrong = findings.filter(({ state }) => state === 'wrong').length;
  if (json) printJson({ ok: wrong === 0, findings });
  else process.stderr.write(wrong === 0 ? 'Nothing is wrong.\n' : `${count(wrong, 'thing')} to mend.\n`);
  return wrong === 0 ? 0 : 1;
};

const marks = { ok: 'ok     ', wrong: 'WRONG  ', unknown: '?      ' } as const;

/** One line, whatever it quotes. */
function line({ check, state, text, mend }: Finding): string {
  return `${marks[state]} ${check.padEnd(16)} ${plain(mend ? `${text.replace(/\.$/, '')}. Mend: ${mend}` : text)}\n`;
}
