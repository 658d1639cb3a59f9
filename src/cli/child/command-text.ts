/** What a command line is called in the audit log and in a request for approval. */
import { createHash } from 'node:crypto';
import { redactText } from '../../log.ts';
import { oneLine } from '../../text.ts';
import { shellWord } from '../clients/texts.ts';

/** As much as is read at a glance. */
const mostShown = 50;

/**
 * `keyward run: npm run deploy`. An approval is good for one such text, so two command lines never have the same one: where
 * not all of it is shown, its digest follows. What looks like a secret is not shown.
 */
export function commandText(command: string, argv: readonly string[]): string {
  const line = argv.map(shellWord).join(' ');
  const shown = oneLine(redactText(line), mostShown) ?? '';
  if (shown === line) return `${command}: ${line}`;
  const digest = createHash('sha256').update(JSON.stringify(argv)).digest('base64url').slice(0, 22);
  return `${command}: ${shown}… ${digest}`;
}
